import { Refusal } from '../../../domain/shared/refusal.ts'

/** Work that can share a transaction with its neighbours. */
export interface BatcherOptions<Item> {
  /** How many batches may be under way at once. */
  readonly slots: number
  /** Most items in one batch. */
  readonly batchSize: number
  /** Most items that may wait; beyond it `refuse` is asked for the error. */
  readonly capacity: number
  /** Items of one batch must agree in this. */
  readonly groupOf: (item: Item) => string
  /** Runs a batch and settles every item of it. What it throws settles those that it left open. */
  readonly run: (slot: number, items: readonly Item[]) => Promise<void>
  readonly reject: (item: Item, cause: unknown) => void
}

export interface Batcher<Item> {
  /** Queues an item; returns false where the queue is full. */
  add(item: Item): boolean
  /** Items waiting now. */
  readonly waiting: number
  /** Resolves when nothing is queued or under way. */
  drain(): Promise<void>
}

interface Waiting<Item> {
  readonly item: Item
  readonly sinceMs: number
}

/** What has waited longer is refused and not begun: whoever asked has gone, or asks again. */
const longestWaitMs = 10_000

/** A batch that is held up, by a lock of another instance say, holds up nobody else for longer. */
const patienceMs = 25

/**
 * Group commit. Where nothing is under way, whatever waits goes at once, so that nobody waits for company. Where something is, the next
 * batch starts when as many wait as are under way in a slot, or with the end of the one before it: load makes its own batches, the slots
 * share it evenly, and one works while the other commits.
 */
export const createBatcher = <Item>(options: BatcherOptions<Item>): Batcher<Item> => {
  const queues = new Map<string, Waiting<Item>[]>()
  const idle = Array.from({ length: options.slots }, (_, slot) => slot)
  let waiting = 0
  let underWay = 0
  let drained: (() => void)[] = []

  const takeBatch = (): Item[] => {
    const [group, queue] = queues.entries().next().value!
    queues.delete(group)
    const batch = queue.splice(0, options.batchSize)
    // Back to the end of the line, so that no group starves another.
    if (queue.length > 0) queues.set(group, queue)
    waiting -= batch.length
    const latest = performance.now() - longestWaitMs
    for (const { item, sinceMs } of batch) if (sinceMs < latest) options.reject(item, new Refusal('UPSTREAM_UNAVAILABLE', 'timeout'))
    return batch.filter(({ sinceMs }) => sinceMs >= latest).map(({ item }) => item)
  }

  const settleDrain = (): void => {
    if (waiting > 0 || idle.length < options.slots) return
    for (const resolve of drained) resolve()
    drained = []
  }

  const runOne = async (slot: number, batch: Item[]): Promise<void> => {
    underWay += batch.length
    try {
      await options.run(slot, batch)
    } catch (cause) {
      for (const item of batch) options.reject(item, cause)
    }
    underWay -= batch.length
    idle.push(slot)
    pump()
    settleDrain()
  }

  let patience: NodeJS.Timeout | undefined
  let impatient = false

  const enoughWait = (): boolean => waiting > 0 && (impatient || waiting * (options.slots - idle.length) >= underWay)

  const lookAgain = (): void => {
    patience = undefined
    impatient = true
    pump()
    impatient = false
  }

  const pump = (): void => {
    while (idle.length > 0 && enoughWait()) {
      const batch = takeBatch()
      if (batch.length > 0) void runOne(idle.pop()!, batch)
    }
    if (waiting > 0 && idle.length > 0) patience ??= setTimeout(lookAgain, patienceMs)
  }

  return {
    add(item) {
      if (waiting >= options.capacity) return false
      const group = options.groupOf(item)
      const queue = queues.get(group)
      const entry = { item, sinceMs: performance.now() }
      if (queue) queue.push(entry)
      else queues.set(group, [entry])
      waiting += 1
      // A microtask later, so that requests that were parsed in one turn of the loop share a batch.
      queueMicrotask(pump)
      return true
    },
    get waiting() {
      return waiting
    },
    drain: () =>
      new Promise((resolve) => {
        drained.push(resolve)
        settleDrain()
      }),
  }
}
