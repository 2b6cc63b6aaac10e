import { Refusal } from '../../../domain/shared/refusal.ts'

/** What `work` gives, or UPSTREAM_UNAVAILABLE (`timeout`) where that takes longer than `ms`. The work itself goes on unheard. */
export const inTime = async <T>(work: Promise<T>, ms: number): Promise<T> => {
  work.catch(() => undefined)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Refusal('UPSTREAM_UNAVAILABLE', 'timeout')), ms)
    timer.unref()
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
