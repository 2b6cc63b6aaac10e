import { spawnSync } from 'node:child_process'
import { chownSync, lstatSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** How to start a program that refuses to run as root. */
export interface Unprivileged {
  /** The command line that runs `program` unprivileged. */
  command(program: string, args: readonly string[]): { readonly file: string; readonly args: string[] }
  /** For `spawn`: the ids to drop to before the program starts. */
  readonly ids: { readonly uid?: number; readonly gid?: number }
  /** Who must own the files that the program owns; null where that is the current user. */
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

const fallbackId = 65534

const nobody = (): { uid: number; gid: number } => {
  try {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((entry) => entry.startsWith('nobody:'))
    const [, , uid, gid] = (line ?? '').split(':')
    return { uid: Number(uid) || fallbackId, gid: Number(gid) || fallbackId }
  } catch {
    return { uid: fallbackId, gid: fallbackId }
  }
}

const prefixed =
  (prefix: readonly string[]) =>
  (program: string, args: readonly string[]): { file: string; args: string[] } => {
    const [file, ...rest] = [...prefix, program, ...args]
    return { file: file!, args: rest }
  }

/**
 * Three ways down from root, the plainest first. The other two serve where a parent folder (a home of mode 0700, say) is closed
 * to the unprivileged user: a user namespace of its own, or the plain user with the one capability that opens folders.
 */
export const waysDown = (): Unprivileged[] => {
  const { uid, gid } = nobody()
  const capability = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override']
  return [
    { command: prefixed([]), ids: { uid, gid }, owner: { uid, gid } },
    { command: prefixed(['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`]), ids: {}, owner: { uid: 0, gid: 0 } },
    {
      command: prefixed(['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...capability]),
      ids: {},
      owner: { uid, gid },
    },
  ]
}

const reaches = (way: Unprivileged, program: string, directory: string): boolean => {
  const { file, args } = way.command('/bin/sh', ['-c', 'cd "$1" && exec "$2" --version', 'sh', directory, program])
  return spawnSync(file, args, { ...way.ids, cwd: '/', stdio: 'ignore', timeout: 10_000 }).status === 0
}

const chownTree = (path: string, owner: { uid: number; gid: number }): void => {
  const stat = lstatSync(path)
  if (stat.isSymbolicLink()) return
  if (stat.isDirectory()) for (const name of readdirSync(path)) chownTree(join(path, name), owner)
  chownSync(path, owner.uid, owner.gid)
}

/** Hands a file, or a folder and what is in it, to the user that the program runs as. */
export const hand = (path: string, way: Unprivileged): void => {
  if (way.owner && statSync(path).uid !== way.owner.uid) chownTree(path, way.owner)
}

/**
 * Finds a way to run `program` on files in `directory` without being root. Where this process is not root, that is as it is.
 *
 * @throws Error with one sentence where no way is open.
 */
export const unprivileged = (program: string, directory: string): Unprivileged => {
  if (process.getuid?.() !== 0) return { command: prefixed([]), ids: {}, owner: null }
  const way = waysDown().find((each) => reaches(each, program, directory))
  if (way) return way
  throw new Error('The embedded PostgreSQL must not run as root, and no other user can reach its files: run this as an ordinary user.')
}
