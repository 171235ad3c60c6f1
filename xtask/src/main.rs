//! `cargo xtask test`: everything that must hold before a change lands, with one summary at the end.
//!
//! The same on a laptop and in CI. Needs Rust and Python 3; sets up the rest itself.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

mod arguments;
mod bench;
mod checks;
mod counts;
mod failure;
mod fuzz;
mod kill;
mod package;
mod planted;
mod postgres;
mod quickstart;
mod runner;
mod sim;
mod steps;
mod summary;
mod synapse;

use std::env;
use std::process::ExitCode;

use arguments::{Order, USAGE};
use failure::Failure;
use runner::Shell;
use steps::Step;
use summary::Summary;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match arguments::parse(env::args().skip(1)) {
        Ok(Order::Help) => {
            help();
            return ExitCode::SUCCESS;
        }
        Ok(Order::Bench { arguments }) => bench::run(&arguments).await,
        Ok(Order::Kill(wanted)) => kill::run(wanted).await,
        Ok(Order::Sim { arguments }) => sim::run(&arguments).await,
        Ok(Order::Fuzz(wanted)) => fuzz::run(&wanted).await,
        Ok(Order::Planted { names }) => planted::run(&names).await,
        Ok(Order::Test {
            steps,
            verbose,
            full,
        }) => test(&steps, verbose, full).await,
        Err(message) => {
            eprintln!("{message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn help() {
    println!("{USAGE}\n\nSteps, in the order in which they run:");
    for step in Step::ALL {
        println!("  {:12} {}", step.name(), step.about());
    }
}

/// Runs the steps one after the other, all of them even when one fails.
async fn test(steps: &[Step], verbose: bool, full: bool) -> Result<bool, Failure> {
    let mut summary = Summary::default();
    for (number, step) in steps.iter().enumerate() {
        let shell = Shell::open(step.name(), verbose, full)?;
        println!(
            "[{}/{}] {}: {}",
            number + 1,
            steps.len(),
            step.name(),
            step.about()
        );
        let started = tokio::time::Instant::now();
        let result = step.run(&shell).await;
        let row = summary.add(step.name(), started.elapsed(), &shell.log_text(), &result);
        println!("      {row}");
        if let Err(failure) = result {
            println!(
                "{failure}\n{}\n      log: {}",
                shell.excerpt(),
                shell.log().display()
            );
        }
    }
    println!("\n{summary}");
    Ok(summary.all_passed())
}
