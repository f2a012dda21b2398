/** The page: the static files of build/web, or a page that says how to build it. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const missing = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sonde</title>
<h1>Sonde</h1>
<p>The hub runs. Its page is not built: run <code>npm run build</code>, then start the hub again.</p>
<p>The interface is there without it: <a href="/api/v1/questions">questions</a>,
<a href="/api/v1/status">status</a>, <a href="/api/v1/openapi.json">openapi.json</a>.</p>
</html>
`;

export interface Page {
  /** Answers a request that no route has; false where it wants no page. */
  serve(request: FastifyRequest, reply: FastifyReply): boolean;
}

/** The page keeps its state in the URL: every path that a browser opens leads to it. */
function wantsPage({ method, url, headers }: FastifyRequest): boolean {
  const isRead = method === 'GET' || method === 'HEAD';
  return isRead && !/^\/(api|v1)\//.test(url) && (headers.accept?.includes('text/html') ?? false);
}

/** `folder` is looked at once, at start. */
export async function openPage(app: FastifyInstance, folder: string): Promise<Page> {
  const isBuilt = existsSync(join(folder, 'index.html'));
  if (isBuilt) await app.register(fastifyStatic, { root: folder, wildcard: false });
  return {
    serve(request, reply) {
      if (!wantsPage(request)) return false;
      if (isBuilt) void reply.sendFile('index.html');
      else void reply.type('text/html; charset=utf-8').send(missing);
      return true;
    },
  };
}
