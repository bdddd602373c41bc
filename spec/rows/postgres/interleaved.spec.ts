import "reflect-metadata";
import { postgres } from "../databases/postgres.js";
import { describeInterleavedWork } from "../interleaved.js";

describeInterleavedWork(postgres);
