// Placeholder of the lead so that the app loads: the owner of telemetry replaces this file.
export interface Metrics {
  observe(operation: string, status: number, ms: number): void
  counter(name: string, help: string): (by?: number) => void
  gauge(name: string, help: string, read: () => number): void
  text(): Promise<string>
  readonly contentType: string
  close(): void
}
export const createMetrics = (_options: { operations: readonly { name: string; method: string }[]; defaultMetrics?: boolean }): Metrics => ({
  observe: () => undefined,
  counter: () => () => undefined,
  gauge: () => undefined,
  text: async () => '',
  contentType: 'text/plain',
  close: () => undefined,
})
