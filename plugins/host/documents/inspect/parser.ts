import { Refusal } from '../../../../domain/shared/refusal.ts'

/** What a file must not be. Each refusal names the rule alone, at `/file`. */
export type FileRule =
  | 'active-content'
  | 'damaged'
  | 'dimensions'
  | 'empty'
  | 'encrypted'
  | 'expansion'
  | 'extension'
  | 'filter'
  | 'malware'
  | 'polyglot'
  | 'trailing-data'
  | 'truncated'
  | 'type'

/** The refusal of a file for one rule. What it is not (another type) is 415, whatever else is wrong with it 400. */
export const refuseFile = (rule: FileRule): Refusal => {
  const reason = rule === 'type' || rule === 'extension' ? 'media-type' : 'default'
  return new Refusal('VALIDATION_FAILED', reason, { errors: [{ pointer: '/file', rule }] })
}

/** A parser runs until it has to wait: for the next chunk (null at the end of the file), or for work of its own. */
export type Parser = Generator<'chunk' | Promise<unknown>, void, Buffer | null>

/** Reads a file front to back, holding no more of it than a parser asks for. */
export class Cursor {
  #held: Buffer = Buffer.alloc(0)
  /** Bytes before the held ones. */
  #passed = 0
  #before: number | undefined
  #ended = false

  get position(): number {
    return this.#passed
  }

  /** The last byte before the held ones. */
  get before(): number | undefined {
    return this.#before
  }

  /** What is at hand without waiting. */
  get held(): Buffer {
    return this.#held
  }

  /** Waits for one more chunk; false at the end of the file. */
  *more(): Generator<'chunk', boolean, Buffer | null> {
    if (this.#ended) return false
    const chunk = yield 'chunk'
    if (chunk === null) this.#ended = true
    else this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    return chunk !== null
  }

  /** Waits for at least one byte; false at the end of the file. */
  *any(): Generator<'chunk', boolean, Buffer | null> {
    while (this.#held.length === 0) if (!(yield* this.more())) return false
    return true
  }

  /** Takes what is at hand, up to `count`. */
  pass(count: number): Buffer {
    const taken = this.#held.subarray(0, count)
    this.#held = this.#held.subarray(taken.length)
    this.#passed += taken.length
    this.#before = taken.at(-1) ?? this.#before
    return taken
  }

  /** Takes exactly `count` bytes. @throws Refusal `truncated` where there are fewer */
  *take(count: number): Generator<'chunk', Buffer, Buffer | null> {
    while (this.#held.length < count) if (!(yield* this.more())) throw refuseFile('truncated')
    return this.pass(count)
  }
}

/** Feeds a parser as chunks arrive. */
export interface Feed {
  write(chunk: Buffer): Promise<void>
  end(): Promise<void>
  /** Lets go of what a parser holds that has not come to its end. */
  close(): void
}

export const feedOf = (parser: Parser): Feed => {
  let step = parser.next()
  /** Runs until the parser asks for a chunk or is done. */
  const settle = async (): Promise<void> => {
    while (step.done !== true && step.value !== 'chunk') {
      await step.value
      step = parser.next(null)
    }
  }
  const give = async (chunk: Buffer | null): Promise<void> => {
    await settle()
    if (step.done === true) return
    step = parser.next(chunk)
    await settle()
  }
  return {
    write: give,
    async end() {
      while (step.done !== true) await give(null)
    },
    close: () => void parser.return(),
  }
}
