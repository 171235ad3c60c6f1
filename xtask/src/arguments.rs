//! The command line.

use super::fuzz;
use super::kill::{Against, Wanted};
use super::steps::Step;

pub(crate) const USAGE: &str = "\
usage: cargo xtask test [--verbose] [--full] [STEP...]   run all steps, or those that are named
       cargo xtask bench [ARGUMENT...]                   how fast we are beside others; arguments go to benches/speed
       cargo xtask kill [KILL-OPTION...]                 kill the bot at random moments under load, and judge
       cargo xtask sim [SIM-OPTION...]                   live days in virtual time from seeds, and judge them
       cargo xtask fuzz [--seconds N] [--seed S] [TARGET...]  fuzz all targets, or those, so long each (60 s)
       cargo xtask planted [NN...]                       plant the bugs of planted/, or those; tests must turn red
       cargo xtask help                                  this text, and the steps

  --verbose   show the output of every command while it runs
  --full      build what is otherwise only resolved, and test what needs the machine for itself

KILL-OPTION:
  --rounds N         how many rounds; 20 by default
  --seed S           the seed of the first round; with --rounds 1 it plays that round again
  --jobs N           how many rounds at once; 1 by default
  --synapse          against a real Synapse; otherwise against the testkit's homeserver
  --kill-homeserver  the same, and Synapse is killed once in each round
  --pair             two bots on one PostgreSQL, one of which is killed every few seconds
  --seconds N        how long that lasts; 120 by default

SIM-OPTION:
  --seeds N      how many seeds; 100 by default
  --seed S       the first of them; with --seeds 1 it is lived again
  --jobs N       how many at once; as many as there are cores by default
  --seconds N    begin none after so many seconds
  --trace        print all that happens";

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Order {
    Help,
    Bench {
        arguments: Vec<String>,
    },
    Kill(Wanted),
    Sim {
        arguments: Vec<String>,
    },
    Fuzz(fuzz::Wanted),
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
        Some("kill") => parse_kill(arguments),
        Some("sim") => Ok(Order::Sim {
            arguments: arguments.collect(),
        }),
        Some("fuzz") => fuzz::Wanted::parse(arguments).map(Order::Fuzz),
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

fn parse_kill(mut arguments: impl Iterator<Item = String>) -> Result<Order, String> {
    let mut wanted = Wanted {
        rounds: 20,
        seed: None,
        jobs: 1,
        against: Against::Testkit,
        seconds: 120,
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => wanted.rounds = number(&argument, arguments.next())?,
            "--seed" => wanted.seed = Some(number(&argument, arguments.next())?),
            "--jobs" => wanted.jobs = number(&argument, arguments.next())?,
            "--synapse" if wanted.against == Against::MortalSynapse => {}
            "--synapse" => wanted.against = Against::Synapse,
            "--kill-homeserver" => wanted.against = Against::MortalSynapse,
            "--pair" => wanted.against = Against::Pair,
            "--seconds" => wanted.seconds = number(&argument, arguments.next())?,
            other => return Err(format!("xtask: kill knows no `{other}`")),
        }
    }
    Ok(Order::Kill(wanted))
}

fn number<T: std::str::FromStr>(option: &str, value: Option<String>) -> Result<T, String> {
    let value = value.unwrap_or_default();
    let parsed = value.parse();
    parsed.map_err(|_| format!("xtask: {option} needs a number, not `{value}`"))
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
    fn kill_takes_numbers_and_says_against_what() {
        let wanted = |rounds, seed, jobs, against| {
            Ok(Order::Kill(Wanted {
                rounds,
                seed,
                jobs,
                against,
                seconds: 120,
            }))
        };

        assert_eq!(parsed("kill"), wanted(20, None, 1, Against::Testkit));
        assert_eq!(
            parsed("kill --rounds 3 --seed 9 --jobs 2 --synapse"),
            wanted(3, Some(9), 2, Against::Synapse)
        );
        assert_eq!(
            parsed("kill --kill-homeserver --synapse"),
            wanted(20, None, 1, Against::MortalSynapse)
        );
        assert_eq!(
            parsed("kill --rounds many"),
            Err("xtask: --rounds needs a number, not `many`".to_owned())
        );
        assert_eq!(
            parsed("kill --hard"),
            Err("xtask: kill knows no `--hard`".to_owned())
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
