'use strict'
// Every script of package.json starts here. Plain old JavaScript, so that a Node far below the floor can still read it
// and say one clear sentence instead of a syntax error from the middle of a TypeScript file.
//
//   node plugins/cli/launch.cjs                         only checks the version
//   node plugins/cli/launch.cjs [--env] FILE [ARGS]     runs FILE in this process; --env also reads .env

const floor = 24
const found = process.versions.node

if (Number(found.split('.')[0]) < floor) {
  process.stderr.write(
    'Postern needs Node ' +
      floor +
      ' and this is Node ' +
      found +
      ': run it through npm after `npm ci`, which brings Node ' +
      floor +
      ' on Linux x64, or install Node ' +
      floor +
      '.\n',
  )
  process.exit(1)
}

const { existsSync } = require('node:fs')
const { enableCompileCache } = require('node:module')
const { join, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')

const readsEnv = process.argv[2] === '--env'
const file = process.argv[readsEnv ? 3 : 2]

if (file) {
  process.argv.splice(1, readsEnv ? 3 : 2, resolve(file))
  if (readsEnv && existsSync('.env')) process.loadEnvFile('.env')
  // Compiled code is kept between starts and handed to child processes. Not under coverage, which it would blur.
  if (!process.argv.includes('--coverage')) {
    const { directory } = enableCompileCache(process.env.NODE_COMPILE_CACHE || join(__dirname, '../../.cache/node'))
    if (directory && !process.env.NODE_COMPILE_CACHE) process.env.NODE_COMPILE_CACHE = join(__dirname, '../../.cache/node')
  }
  void import(pathToFileURL(process.argv[1]).href)
}
