export const warnings = ['ok', 'soon', 'urgent'] as const

/** How near an expiration is: `ok` over 30 days, `soon` 7 to 30, `urgent` under 7 or expired. */
export const warningOf = (days: number): (typeof warnings)[number] => {
  if (days < 7) return 'urgent'
  return days <= 30 ? 'soon' : 'ok'
}
