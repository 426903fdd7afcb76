import manifest from '../../package.json' with { type: 'json' }

/** The version of this ksi. */
export const version: string = manifest.version
