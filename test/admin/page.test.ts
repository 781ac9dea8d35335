import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { createAdminApp } from '../../admin/app.ts';
import { readPage } from '../../admin/page.ts';
import { ErrorLog, FakeBackend } from './fake-backend.ts';

let app: FastifyInstance;

beforeEach(async () => {
  app = await createAdminApp({ backend: new FakeBackend(), log: new ErrorLog(), network: undefined });
});
afterEach(() => app.close());

test('the page and each of its files come with their type and with headers that let nothing else run', async () => {
  const { headers, body, statusCode } = await app.inject('/');
  assert.equal(statusCode, 200);
  assert.equal(headers['content-type'], 'text/html; charset=utf-8');
  assert.match(body, /^<!doctype html>/);
  const policy = String(headers['content-security-policy']).split('; ');
  for (const rule of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ]) {
    assert.ok(policy.includes(rule), rule);
  }
  for (const { url } of readPage()) {
    const answer = await app.inject(url);
    assert.equal(answer.statusCode, 200, url);
    assert.equal(answer.headers['content-security-policy'], headers['content-security-policy']);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.headers['referrer-policy'], 'no-referrer');
    assert.equal(answer.headers['cache-control'], 'no-cache');
  }
});

test('what the browser has already is not sent again', async () => {
  const { headers } = await app.inject('/assets/app.js');
  assert.equal(headers['content-type'], 'text/javascript; charset=utf-8');
  const etag = String(headers.etag);
  for (const [given, status] of [
    [etag, 304],
    [`"other", W/${etag}`, 304],
    ['*', 304],
    ['"other"', 200],
  ] as const) {
    const answer = await app.inject({ url: '/assets/app.js', headers: { 'if-none-match': given } });
    assert.equal(answer.statusCode, status, given);
    assert.equal(answer.headers.etag, etag);
    assert.equal(answer.body === '', status === 304);
  }
});

test('nothing else of the folder, or above it, is served', async () => {
  for (const url of [
    '/assets/',
    '/assets/index.html',
    '/assets/../page.ts',
    '/assets/%2e%2e/page.ts',
    '/assets/none',
  ]) {
    assert.equal((await app.inject(url)).statusCode, 404, url);
  }
});

test('each file that the page names is there', () => {
  const urls = readPage().map(({ url }) => url);
  for (const { url, body } of readPage()) {
    const text = body.toString();
    const named = [
      ...[...text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map((match) => match[1] ?? ''),
      ...[...text.matchAll(/^import [^;]*?'(\.[^']+)';/gm)].map(
        (match) => new URL(match[1] ?? '', `http://x${url}`).pathname,
      ),
    ];
    for (const name of named) assert.ok(urls.includes(name), `${url} names ${name}`);
  }
  assert.ok(urls.length > 20, `only ${urls.length} files`);
});

test('no data can become markup, style or script: the page has no such call, and nothing inline', () => {
  const forbidden =
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML|\beval\b|new Function|\bstyle=|\.cssText/;
  for (const file of globSync('admin/web/**/*.{js,html}')) {
    const text = readFileSync(file, 'utf8');
    assert.doesNotMatch(text, forbidden, file);
    if (file.endsWith('.html')) assert.doesNotMatch(text, /\son\w+=|<script(?![^>]*\ssrc=)|<style/, file);
  }
});
