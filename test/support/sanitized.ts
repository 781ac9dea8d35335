/**
 * Whether this is `npm run test:asan`. AddressSanitizer keeps freed memory for a while: resident memory then says
 * nothing.
 */
export const isSanitized: boolean = (process.env.LD_PRELOAD ?? '').includes('asan');
