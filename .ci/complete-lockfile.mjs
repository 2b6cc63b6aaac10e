// Completes package-lock.json after an `npm install`; run it in the project's root.
//
// npm 11 and later refuse (`npm ci`: "Missing: ... from lock file") a lockfile without an entry for every optional platform
// package of every dependency, yet `npm install` leaves out those that the registry at hand does not carry. Such an entry is
// never installed on another platform, so its name, version and platform suffice. Also takes download addresses out: they name
// the registry at hand, and integrity alone says what a package must be.
import { readFileSync, writeFileSync } from 'node:fs'

const path = process.argv[2] ?? 'package-lock.json'
const lock = JSON.parse(readFileSync(path, 'utf8'))
const { packages } = lock

// How package names spell what `os` and `cpu` of a package.json say.
const systems = new Map([
  ...['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'].map((name) => [name, name]),
  ['windows', 'win32'],
  ['linuxmusl', 'linux'],
])
const processors = new Set(['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'])

/** Whether a package that stands at `at` finds `name`, in the way that Node looks for it. */
const isFound = (at, name) => {
  for (let folder = at; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    if (packages[`${folder}${folder && '/'}node_modules/${name}`]) return true
    if (folder === '') return false
  }
}

/** What the name says of the platform; a package for none of them (WebAssembly) is for no operating system. */
const platformOf = (name) => {
  const words = name.split('/').at(-1).split('-')
  const os = words.map((word) => systems.get(word)).find(Boolean) ?? 'none'
  const cpu = words.find((word) => processors.has(word))
  const libc = words.some((word) => /^musl|musl$/.test(word))
    ? 'musl'
    : words.some((word) => /^(gnu|glibc)/.test(word))
      ? 'glibc'
      : undefined
  return { os: [os], ...(cpu && { cpu: [cpu] }), ...(libc && os === 'linux' && { libc: [libc] }) }
}

const versionIn = (range) => /\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.-]+)*/.exec(range)?.[0]

let added = 0
for (const [at, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
  for (const [name, range] of Object.entries(optionalDependencies)) {
    if (isFound(at, name)) continue
    const version = versionIn(range)
    if (!version) throw new Error(`${name} ${range}, wanted at ${at || 'the root'}, names no version.`)
    packages[`node_modules/${name}`] = { version, ...(dev && { dev }), optional: true, ...platformOf(name) }
    added += 1
  }
}

let stripped = 0
for (const entry of Object.values(packages)) {
  if (entry.resolved === undefined || entry.link) continue
  delete entry.resolved
  stripped += 1
}

const inOrder = ([one], [other]) => one.localeCompare(other, 'en')
lock.packages = Object.fromEntries(Object.entries(packages).sort(inOrder))
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} platform packages added, ${stripped} addresses taken out.`)
