/** A notice whose words are given from outside: a change of its text is a new version. */
export interface Disclaimer {
  readonly version: string
  readonly text: string
}

/** @see FusionEMS part 5, DEA Portal Disclaimer: word for word */
export const deaDisclaimer: Disclaimer = {
  version: '1',
  text: `COMPLIANCE NOTICE

FusionEMS Quantum does NOT store DEA credentials, passwords, or MFA secrets.

This portal is an internal compliance workspace for tracking:
- DEA registration metadata
- Expiration monitoring
- Audit-ready documentation

FusionEMS Quantum does NOT:
- Submit DEA applications or renewals
- Impersonate users on DEA systems
- Automate DEA communications

All actions are logged for audit and compliance purposes.
You must have appropriate authorization to access controlled substance information.`,
}

/** @see FusionEMS part 5, CMS Portal Disclaimer: word for word */
export const cmsDisclaimer: Disclaimer = {
  version: '1',
  text: `COMPLIANCE NOTICE

FusionEMS Quantum does NOT store CMS credentials, passwords, or MFA secrets.

This portal is an internal readiness workspace for tracking:
- NPI and PTAN references
- Enrollment status
- Payer participation readiness

FusionEMS Quantum does NOT:
- Submit CMS enrollment forms
- Modify CMS records autonomously
- Impersonate users on CMS systems

All actions are logged for audit and compliance purposes.
You must have appropriate authorization to access payer enrollment information.`,
}
