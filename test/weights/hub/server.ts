import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it came, for tests to look at. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

/** Answers in place of the server's own; false leaves it to the server. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => boolean | undefined;

/** A server that answers as the Hub does, unless it is told to misbehave. */
export interface HubServer {
  readonly endpoint: string;
  readonly seen: readonly Seen[];
  /** The requests since the last call, as `GET /path`. */
  takeSeen(): readonly string[];
  misbehave(how: Misbehaviour | undefined): void;
  close(): Promise<void>;
}

export const COMMIT = 'c'.repeat(40);

/** What the Hub calls the content: by SHA-256 where it is large, as git does otherwise. */
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const gitSha = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** Starts a server with these files of the repository a/model, by name. What ends with `large` says is behind a redirect. */
export async function startHub(files: Readonly<Record<string, Uint8Array>>): Promise<HubServer> {
  const seen: Seen[] = [];
  let taken = 0;
  let misbehaviour: Misbehaviour | undefined;
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    seen.push({ method, url, headers });
    if (misbehaviour?.(request, response)) return;
    const [, kind, revision, name = ''] = /^\/a\/model\/(resolve)\/([^/]+)\/(.+)$/.exec(url) ?? [];
    const large = /^\/large\/(.+)$/.exec(url)?.[1];
    if (large !== undefined) return send(request, response, files[large]);
    if (kind === undefined) return refuse(response, 404, 'RepoNotFound');
    if (!['main', 'v1', COMMIT].includes(revision)) return refuse(response, 404, 'RevisionNotFound');
    response.setHeader('x-repo-commit', COMMIT);
    if (!Object.hasOwn(files, name)) return refuse(response, 404, 'EntryNotFound');
    const bytes = files[name];
    if (!isLarge(name)) {
      response.setHeader('etag', `"${gitSha(bytes)}"`);
      return send(request, response, bytes);
    }
    response.setHeader('x-linked-etag', `"${sha256(bytes)}"`);
    response.setHeader('x-linked-size', bytes.length);
    response
      .writeHead(302, { location: `http://localhost:${(server.address() as AddressInfo).port}/large/${name}` })
      .end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    takeSeen() {
      const fresh = seen.slice(taken).map(({ method, url }) => `${method} ${url}`);
      taken = seen.length;
      return fresh;
    },
    misbehave(how) {
      misbehaviour = how;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const isLarge = (name: string): boolean => /\.(safetensors|bin|h5|pth)$/.test(name);

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'x-error-code': code }).end();
}

/** The bytes, or the part of them that is asked for. */
export function send(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array): void {
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
  const start = Number(from ?? 0);
  if (start > 0 && start >= bytes.length) {
    response.writeHead(416).end();
    return;
  }
  response.setHeader('content-length', bytes.length - start);
  if (from !== undefined) response.setHeader('content-range', `bytes ${start}-${bytes.length - 1}/${bytes.length}`);
  response.writeHead(from === undefined ? 200 : 206);
  response.end(request.method === 'HEAD' ? undefined : bytes.subarray(start));
}
