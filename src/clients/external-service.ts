/**
 * `ExternalService`: the decorator and the base class under one name.
 *
 * @module
 */
import type { AxiosInstance } from "axios";
import type SftpLibrary from "ssh2-sftp-client";
import { serviceSymbol } from "../decorate/external-service.js";
import { keep, kept, makeHttp, makeSftp, serviceOf } from "./made.js";

interface Clients {
  http?: AxiosInstance;
  sftp?: SftpLibrary;
}

class ExternalServiceBase {
  constructor() {
    keep<Clients>(this, {});
  }

  /**
   * An axios instance of this object's own, whose calls are recorded; made when it is first used.
   *
   * @throws {AuditError} `AUDIT_PEER_MISSING`: axios is not installed
   */
  protected get http(): AxiosInstance {
    return (kept<Clients>(this).http ??= makeHttp(serviceOf(this)));
  }

  /**
   * An ssh2-sftp-client of this object's own, not yet connected, whose operations are recorded; made when it is
   * first used.
   *
   * @throws {AuditError} `AUDIT_PEER_MISSING`: ssh2-sftp-client is not installed
   */
  protected get sftp(): SftpLibrary {
    return (kept<Clients>(this).sftp ??= makeSftp(serviceOf(this)));
  }
}

/**
 * Two uses of one name. As a decorator, `@ExternalService("apollo")`, it names the service that a class calls, and
 * records the class's public methods, one record a call. As a base class it brings `this.http` and `this.sftp`, whose
 * calls are recorded one by one instead.
 *
 * @param name - written as `service_name` of its calls
 * @param options - `log`: how much is written of them; default as `audit.start({ external })` says
 * @throws {AuditError} `AUDIT_DECORATOR_MISPLACED`, `AUDIT_DECORATOR_OPTION`
 * @example
 * ```ts
 * @ExternalService("apollo")
 * class Apollo extends ExternalService {
 *   async token() {
 *     return (await this.http.get("https://apollo.example/token")).data;
 *   }
 * }
 * ```
 */
export const ExternalService = serviceSymbol(ExternalServiceBase, "ExternalService");
export type ExternalService = ExternalServiceBase;
