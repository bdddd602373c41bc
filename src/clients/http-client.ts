/**
 * `HttpClient`: the seed's form of a class that calls a service over HTTP.
 *
 * @module
 */
import type { AxiosInstance, AxiosRequestConfig, AxiosResponse, CreateAxiosDefaults } from "axios";
import { markClient } from "../decorate/external-service.js";
import { makeHttp, serviceOf } from "./made.js";

/**
 * A base class for clients of one service; its calls are axios's, and each is one record.
 *
 * @example
 * class Pharmacy extends HttpClient {
 *   constructor() {
 *     super("pharmacy", { baseURL: "https://pharmacy.example", timeout: 2000 });
 *   }
 *   async stock(drug: string) {
 *     return (await this.get(`/stock/${drug}`)).data;
 *   }
 * }
 */
export class HttpClient {
  /** The axios instance behind the methods, for interceptors and defaults. */
  protected readonly http: AxiosInstance;

  /**
   * @param service - written as `service_name` of its calls
   * @param config - axios's own: `baseURL`, `timeout` in milliseconds, `headers` …
   * @throws {AuditError} `AUDIT_PEER_MISSING`: axios is not installed
   */
  constructor(service: string, config?: CreateAxiosDefaults) {
    this.http = makeHttp(serviceOf(this, service), config);
  }

  /**
   * A request of any method.
   *
   * @param config - axios's own: `method`, `url`, `headers` …
   * @returns axios's answer; what axios rejects with is passed on
   * @example
   * await this.request({ method: "PURGE", url: "/cache" });
   */
  request<T = any>(config: AxiosRequestConfig): Promise<AxiosResponse<T>> {
    return this.http.request<T>(config);
  }

  /**
   * `GET`, as axios's `get`.
   *
   * @example
   * const { data } = await this.get<Stock>("/stock/aspirin", { params: { ward: 4 } });
   */
  get<T = any>(url: string, config?: AxiosRequestConfig): Promise<AxiosResponse<T>> {
    return this.http.get<T>(url, config);
  }

  /**
   * `HEAD`, as axios's `head`.
   *
   * @example
   * const { headers } = await this.head("/stock/aspirin");
   */
  head<T = any>(url: string, config?: AxiosRequestConfig): Promise<AxiosResponse<T>> {
    return this.http.head<T>(url, config);
  }

  /**
   * `OPTIONS`, as axios's `options`.
   *
   * @example
   * const { headers } = await this.options("/stock");
   */
  options<T = any>(url: string, config?: AxiosRequestConfig): Promise<AxiosResponse<T>> {
    return this.http.options<T>(url, config);
  }

  /**
   * `DELETE`, as axios's `delete`.
   *
   * @example
   * await this.delete("/orders/9");
   */
  delete<T = any>(url: string, config?: AxiosRequestConfig): Promise<AxiosResponse<T>> {
    return this.http.delete<T>(url, config);
  }

  /**
   * `POST`, as axios's `post`.
   *
   * @example
   * await this.post("/orders", { drug: "aspirin", packs: 2 });
   */
  post<T = any>(url: string, data?: unknown, config?: AxiosRequestConfig): Promise<AxiosResponse<T>> {
    return this.http.post<T>(url, data, config);
  }

  /**
   * `PUT`, as axios's `put`.
   *
   * @example
   * await this.put("/orders/9", { packs: 3 });
   */
  put<T = any>(url: string, data?: unknown, config?: AxiosRequestConfig): Promise<AxiosResponse<T>> {
    return this.http.put<T>(url, data, config);
  }

  /**
   * `PATCH`, as axios's `patch`.
   *
   * @example
   * await this.patch("/orders/9", { packs: 3 });
   */
  patch<T = any>(url: string, data?: unknown, config?: AxiosRequestConfig): Promise<AxiosResponse<T>> {
    return this.http.patch<T>(url, data, config);
  }
}

markClient(HttpClient);
