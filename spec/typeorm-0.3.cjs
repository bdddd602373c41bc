/**
 * Preloaded (`node --require`), it runs the specs on TypeORM 0.3 instead of 1.x: whoever asks for `typeorm` gets the
 * package installed as `typeorm-0.3`.
 */
const Module = require("node:module");

const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  return resolve.call(this, request.replace(/^typeorm(?=$|\/)/, "typeorm-0.3"), ...rest);
};
