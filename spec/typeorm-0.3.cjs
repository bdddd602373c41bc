/**
 * Preloaded (`node --require`), it runs the specs on TypeORM 0.3 instead of 1.x: whoever asks for `typeorm` gets the
 * package installed as `typeorm-0.3`.
 */
/* oxlint-disable no-underscore-dangle -- Node's own name; there is no public hook that is synchronous on Node 20 */
const Module = require("node:module");

const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  return resolve.call(this, request.replace(/^typeorm(?=$|\/)/, "typeorm-0.3"), ...rest);
};
