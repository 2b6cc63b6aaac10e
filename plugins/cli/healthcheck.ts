import { get as getPlain } from 'node:http'
import { get as getEncrypted } from 'node:https'
import { loadConfig } from '../../config/env.ts'

/** Longest wait for an answer, in milliseconds. */
const timeout = 2000

/** Exits 0 where this machine's service is alive: what the container's HEALTHCHECK runs. */
const { server } = loadConfig()
const host = ['0.0.0.0', '::'].includes(server.host) ? '127.0.0.1' : server.host
const options = { host, port: server.port, path: '/health/live', timeout }
const exit = (code: number): never => process.exit(code)
// The certificate names the public address and not this one; nothing but the status is read.
const request = server.tls ? getEncrypted({ ...options, rejectUnauthorized: false }) : getPlain(options)
request.on('response', ({ statusCode }) => exit(statusCode === 200 ? 0 : 1))
request.on('timeout', () => exit(1))
request.on('error', () => exit(1))
