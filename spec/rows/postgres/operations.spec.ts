import "reflect-metadata";
import { postgres } from "../databases/postgres.js";
import { describeOperations } from "../operations/matrix.js";
import { describeRandomWork } from "../random.js";

describeOperations(postgres);
describeRandomWork(postgres, 200);
