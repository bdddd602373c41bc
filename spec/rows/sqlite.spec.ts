import "reflect-metadata";
import { sqljs } from "./databases/sqlite.js";
import { describeOperations } from "./operations/matrix.js";

describeOperations(sqljs);
