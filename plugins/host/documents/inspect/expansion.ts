import { constants, createInflate } from 'node:zlib'
import { refuseFile } from './parser.ts'

/** Bytes that one stream of a PDF may inflate to: a page of A4 in colour at 600 dpi. */
export const mostPerStream = 128 * 1024 * 1024
/** Bytes that all of them may inflate to together. */
export const mostInAll = 256 * 1024 * 1024

/** What has been inflated of one file so far. */
export interface Budget {
  inflated: number
}

export interface Inflation {
  /** Resolves when everything that `bytes` inflate to has been counted; `bytes` may be used again then. @throws Refusal `expansion` */
  feed(bytes: Buffer): Promise<void>
  /** True where it could not be inflated to its end. */
  readonly failed: boolean
  end(): Promise<void>
  close(): void
}

/** Inflates and counts; nothing is kept. `see` is shown what comes out, a piece at a time. */
export const createInflation = (budget: Budget, see?: (piece: Buffer) => void): Inflation => {
  const inflate = createInflate({ finishFlush: constants.Z_SYNC_FLUSH, chunkSize: 65_536 })
  let own = 0
  let failed = false
  let refusal: Error | null = null
  let wake: (() => void) | null = null
  const settle = (): void => {
    wake?.()
    wake = null
  }
  const refuse = (error: unknown): void => {
    refusal ??= error as Error
    inflate.destroy()
    settle()
  }
  inflate.on('data', (piece: Buffer) => {
    own += piece.length
    budget.inflated += piece.length
    if (own > mostPerStream || budget.inflated > mostInAll) return refuse(refuseFile('expansion'))
    try {
      see?.(piece)
    } catch (error) {
      refuse(error)
    }
  })
  inflate.on('error', () => {
    failed = true
    settle()
  })
  inflate.on('close', settle)

  const waited = async (act: (done: () => void) => void): Promise<void> => {
    if (!failed && !inflate.destroyed) {
      await new Promise<void>((resolve) => {
        wake = resolve
        act(settle)
      })
    }
    if (refusal) throw refusal
  }

  return {
    get failed() {
      return failed
    },
    feed: (bytes) => waited((done) => inflate.write(bytes, done)),
    end: () => waited((done) => inflate.end(done)),
    close: () => void inflate.destroy(),
  }
}
