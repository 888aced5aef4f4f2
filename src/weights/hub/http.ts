import { setTimeout as pause } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { ConvNextV2Error } from '../../errors.js';
import type { HubSettings } from './settings.js';

/** How often a request is tried again that failed for no fault of its own. */
const MAX_RETRIES = 4;

/** Milliseconds before the first new attempt; twice as many before each further one. */
const FIRST_PAUSE = 200;

/** Seconds: whoever is told to wait longer by a server is told so, not kept waiting. */
const LONGEST_WAIT = 60;

/** As browsers have it, about. */
const MAX_REDIRECTS = 10;

/** What the server or the way to it has: another attempt may succeed. */
const PASSING: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

export interface Answer {
  /** After redirects. */
  readonly url: URL;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Dispatcher.ResponseData['body'];
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Which redirects to follow: `relative` ones say where a model has moved, any others where its bytes are. Default all. */
  readonly redirects?: 'relative' | 'all';
}

/** Asks servers, one question after another. */
export interface Client {
  /**
   * The answer to a request: redirects followed, passing failures tried again. The caller reads or destroys its body. The token
   * goes to the endpoint's own server alone. Throws E_NETWORK, E_ABORTED.
   */
  ask(method: 'GET' | 'HEAD', url: URL, options?: RequestOptions): Promise<Answer>;
  /** Waits before attempt `retry` (from 1) at what failed with `cause`; throws E_NETWORK where there have been enough. */
  waitToRetry(retry: number, url: URL, cause: Failure): Promise<void>;
  close(): Promise<void>;
}

/** Why an attempt failed. */
export interface Failure {
  readonly got: string;
  /** Seconds that the server asks for. */
  readonly wait?: number;
  readonly cause?: unknown;
}

/** Opens a client that goes by the proxy of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). */
export async function openClient({ endpoint, token, patience, signal }: HubSettings): Promise<Client> {
  const { EnvHttpProxyAgent, request } = await import('undici');
  const dispatcher = new EnvHttpProxyAgent({
    headersTimeout: patience,
    bodyTimeout: patience,
    connect: { timeout: patience },
  });

  async function once(method: 'GET' | 'HEAD', url: URL, headers: RequestOptions['headers']): Promise<Answer> {
    const own =
      url.origin === new URL(endpoint).origin && token !== undefined ? { authorization: `Bearer ${token}` } : {};
    const answer = await request(url, { method, dispatcher, signal, headers: { ...headers, ...own } });
    return { url, status: answer.statusCode, headers: answer.headers, body: answer.body };
  }

  async function follow(method: 'GET' | 'HEAD', start: URL, options: RequestOptions): Promise<Answer> {
    let url = start;
    for (let redirects = 0; ; redirects++) {
      const answer = await once(method, url, options.headers);
      const { location } = answer.headers;
      if (![301, 302, 303, 307, 308].includes(answer.status) || typeof location !== 'string') return answer;
      if (options.redirects === 'relative' && URL.canParse(location)) return answer;
      discard(answer);
      if (redirects === MAX_REDIRECTS) throw problem(start, `at most ${MAX_REDIRECTS} redirects`, 'more');
      url = redirectFrom(url, location);
    }
  }

  async function waitToRetry(retry: number, url: URL, { got, wait, cause }: Failure): Promise<void> {
    if (retry > MAX_RETRIES) throw problem(url, 'an answer', `${got}, ${retry} times`, cause);
    const seconds = wait ?? (FIRST_PAUSE * 2 ** (retry - 1)) / 1000;
    if (seconds > LONGEST_WAIT) throw problem(url, 'an answer', `${got}: wait ${seconds} seconds`, cause);
    await pause(1000 * seconds, undefined, { signal }).catch(refuseAborted);
  }

  return {
    async ask(method, url, options = {}) {
      for (let retry = 1; ; retry++) {
        let failure: Failure;
        try {
          const answer = await follow(method, url, options);
          if (!PASSING.includes(answer.status)) return answer;
          discard(answer);
          failure = { got: `status ${answer.status}`, wait: readRetryAfter(answer.headers['retry-after']) };
        } catch (cause) {
          refuseAborted(cause);
          // nobody by that name is an answer, too
          if (reasonOf(cause) === 'ENOTFOUND') throw problem(url, 'an answer', 'ENOTFOUND', cause);
          failure = { got: reasonOf(cause), cause };
        }
        await waitToRetry(retry, url, failure);
      }
    },
    waitToRetry,
    close: () => dispatcher.destroy(),
  };

  function refuseAborted(cause: unknown): void {
    if (cause instanceof ConvNextV2Error) throw cause;
    if (!signal?.aborted) return;
    const got = String(signal.reason);
    throw new ConvNextV2Error('E_ABORTED', { path: 'signal', wanted: 'the work to go on', got }, { cause });
  }
}

/** Where a redirect leads. Throws E_NETWORK where that is no address, or one in the clear after an encrypted one. */
export function redirectFrom(url: URL, location: string): URL {
  const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  if (next && ['https:', url.protocol].includes(next.protocol)) return next;
  throw problem(
    url,
    `a redirect to another ${url.protocol}//`,
    next ? `one to ${next.protocol}//${next.host}` : 'one to no address',
  );
}

/** Lets go of an answer that nobody wants to read. */
export function discard({ body }: Answer): void {
  body.on('error', () => {});
  body.destroy();
}

/** What the system or undici says, in short: the code of the innermost error. */
export function reasonOf(cause: unknown): string {
  const { code, message, cause: inner, errors } = Object(cause);
  if (inner) return reasonOf(inner);
  if (Array.isArray(errors) && errors.length > 0) return reasonOf(errors[0]);
  return String(code ?? message ?? cause);
}

/** Seconds from a Retry-After header: their number, or a date. */
function readRetryAfter(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined;
  if (/^\d+$/.test(header)) return Number(header);
  const until = Date.parse(header);
  return Number.isNaN(until) ? undefined : Math.max(0, Math.ceil((until - Date.now()) / 1000));
}

/** An error about an address: without what follows its path, which can be a key. */
export function problem(url: URL, wanted: string, got: string, cause?: unknown, suggestion?: string): ConvNextV2Error {
  const path = `${url.origin}${url.pathname}`;
  return new ConvNextV2Error('E_NETWORK', { path, wanted, got, suggestion }, { cause });
}

/** What a status that is no success means, and what to do: E_SOURCE where asking again would not help. */
export function statusProblem(url: URL, status: number, reason?: string): ConvNextV2Error {
  const got = `status ${status}${reason === undefined ? '' : `, ${reason}`}`;
  if (status < 400 || status >= 500) return problem(url, 'the file', got);
  const isPrivate = status === 401 || status === 403;
  return new ConvNextV2Error('E_SOURCE', {
    path: `${url.origin}${url.pathname}`,
    wanted: isPrivate ? 'something that may be read' : 'a file',
    got,
    suggestion: isPrivate ? 'check the name; a private or gated model needs a token: HF_TOKEN' : undefined,
  });
}
