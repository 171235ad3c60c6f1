//! The command line.

use super::steps::Step;

pub(crate) const USAGE: &str = "\
usage: cargo xtask test [--verbose] [--full] [STEP...]   run all steps, or those that are named
       cargo xtask bench [ARGUMENT...]                   run the benchmarks; arguments go to cargo bench
       cargo xtask planted [NN...]                       plant the bugs of planted/, or those; tests must turn red
       cargo xtask help                                  this text, and the steps

  --verbose   show the output of every command while it runs
  --full      build what is otherwise only resolved";

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Order {
    Help,
    Bench {
        arguments: Vec<String>,
    },
    Planted {
        names: Vec<String>,
    },
    Test {
        steps: Vec<Step>,
        verbose: bool,
        full: bool,
    },
}

/// Reads the arguments after the program's name; the error is a line for the person.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Order, String> {
    match arguments.next().as_deref() {
        None | Some("help" | "--help" | "-h") => Ok(Order::Help),
        Some("bench") => Ok(Order::Bench {
            arguments: arguments.collect(),
        }),
        Some("planted") => Ok(Order::Planted {
            names: arguments.collect(),
        }),
        Some("test") => parse_test(arguments),
        Some(other) => Err(format!("xtask: unknown command `{other}`")),
    }
}

fn parse_test(arguments: impl Iterator<Item = String>) -> Result<Order, String> {
    let (mut steps, mut verbose, mut full) = (Vec::new(), false, false);
    for argument in arguments {
        match argument.as_str() {
            "--verbose" => verbose = true,
            "--full" => full = true,
            name => steps.push(
                Step::named(name).ok_or_else(|| format!("xtask: no step is called `{name}`"))?,
            ),
        }
    }
    if steps.is_empty() {
        steps.extend(Step::ALL);
    }
    Ok(Order::Test {
        steps,
        verbose,
        full,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Order, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn test_alone_runs_every_step() {
        let all = Order::Test {
            steps: Step::ALL.to_vec(),
            verbose: false,
            full: false,
        };

        assert_eq!(parsed("test"), Ok(all));
    }

    #[test]
    fn named_steps_run_in_the_order_given() {
        let order = parsed("test docs --verbose fmt --full");

        assert_eq!(
            order,
            Ok(Order::Test {
                steps: vec![Step::Docs, Step::Fmt],
                verbose: true,
                full: true
            })
        );
    }

    #[test]
    fn an_unknown_word_is_refused_by_name() {
        assert_eq!(
            parsed("tset"),
            Err("xtask: unknown command `tset`".to_owned())
        );
        assert_eq!(
            parsed("test nothing"),
            Err("xtask: no step is called `nothing`".to_owned())
        );
    }
}
