//! Runs one fuzz target: `matrix-bridge-fuzz TARGET CORPUS SCRATCH FRESH SEED` replays the
//! corpus and makes so many fresh inputs. With `--cfg guided` it is libFuzzer's program.

#![cfg_attr(guided, no_main)]

#[cfg(guided)]
mod guided;
#[cfg(not(guided))]
mod plain;

#[cfg(not(guided))]
fn main() -> std::process::ExitCode {
    plain::main()
}
