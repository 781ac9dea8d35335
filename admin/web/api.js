/** Requests to the admin API, by the session in the cookie. */

import { sentence } from './text.js';

/** @typedef {{ needsSetup: boolean, name?: string, csrf?: string }} LoginView who is signed in, if anybody */

/** The server refused: its code and its words. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The server was not reached. */
export class OfflineError extends Error {}

/**
 * What the page does about answers that concern all of it.
 *
 * @typedef {object} ApiListener
 * @property {(isOnline: boolean) => void} connection
 * @property {() => void} signedOut
 */

const TIMEOUT_MS = 15_000;
/** A sign-in may have to wait for its turn. */
const SIGN_IN_MS = 40_000;
/** A proxy in front whose server is gone. */
const GATEWAY_STATUS = [502, 503, 504];

export class Api {
  #csrf = '';
  /** @type {ApiListener} */
  #listener;

  /** @param {ApiListener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  async login() {
    const login = /** @type {LoginView} */ (await this.#call('GET', '/v1/login'));
    this.#csrf = login.csrf ?? '';
    return login;
  }

  /**
   * @param {string} name
   * @param {string} password
   * @returns {Promise<string>} the name as the account has it
   */
  async signIn(name, password) {
    const login = /** @type {LoginView} */ (await this.#call('POST', '/v1/login', { name, password }));
    this.#csrf = login.csrf ?? '';
    return login.name ?? name;
  }

  async signOut() {
    await this.#change('DELETE', '/v1/login');
    this.#csrf = '';
  }

  /**
   * @param {string} path
   * @returns {Promise<unknown>}
   */
  get(path) {
    return this.#call('GET', path);
  }

  /**
   * @param {string} path
   * @param {object} body
   */
  post(path, body) {
    return this.#change('POST', path, body);
  }

  /**
   * @param {string} path
   * @param {object} body
   */
  patch(path, body) {
    return this.#change('PATCH', path, body);
  }

  /** @param {string} path */
  remove(path) {
    return this.#change('DELETE', path);
  }

  /**
   * Another tab that signed in again has another secret against forged requests: it is fetched, and the request repeated.
   *
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  async #change(method, path, body) {
    try {
      return await this.#call(method, path, body);
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'ERR_CSRF') throw error;
      await this.login();
      return this.#call(method, path, body);
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<unknown>}
   */
  async #call(method, path, body) {
    const response = await this.#fetch(method, path, body);
    if (response.ok) return response.status === 204 ? undefined : response.json();
    const error = await refusal(response);
    if (error.status === 401 && error.code !== 'ERR_LOGIN') this.#listener.signedOut();
    throw error;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  async #fetch(method, path, body) {
    const headers = {
      ...(method === 'GET' ? {} : { 'x-csrf-token': this.#csrf }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const text = body === undefined ? null : JSON.stringify(body);
    try {
      const signal = AbortSignal.timeout(method === 'POST' && path === '/v1/login' ? SIGN_IN_MS : TIMEOUT_MS);
      const response = await fetch(path, { method, headers, body: text, signal, redirect: 'error', cache: 'no-store' });
      if (GATEWAY_STATUS.includes(response.status)) throw new TypeError(`HTTP ${response.status}`);
      this.#listener.connection(true);
      return response;
    } catch {
      this.#listener.connection(false);
      throw new OfflineError('The server does not answer.');
    }
  }
}

/** @param {Response} response */
async function refusal(response) {
  const { error = 'ERR_UNKNOWN', message = `HTTP ${response.status}` } = await response.json().catch(() => ({}));
  if (response.status !== 429) return new ApiError(response.status, String(error), String(message));
  const seconds = Number(response.headers.get('retry-after'));
  const when = Number.isFinite(seconds) && seconds > 0 ? `in ${Math.ceil(seconds)} s` : 'in a while';
  return new ApiError(429, String(error), `Too many attempts. Try again ${when}.`);
}

/**
 * One line for people.
 *
 * @param {unknown} error
 */
export function messageOf(error) {
  return sentence(error instanceof Error ? error.message : String(error));
}
