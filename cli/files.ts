import { fs } from '../core/builtins.ts';
import { CliError, EXIT } from './terminal.ts';

/** @throws {CliError} */
export function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw cannotRead(file, error);
  }
}

export function cannotRead(file: string, error: unknown): CliError {
  return new CliError(`${file} cannot be read`, EXIT.failed, { cause: error });
}

/** @throws {CliError} also if there is no certificate in it */
export function readPem(file: string): string {
  const text = readText(file);
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new CliError(`${file} holds no PEM certificate`);
  return text;
}
