//! Lives days from seeds and says which were bad: what `cargo xtask sim` runs.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

use std::{
    collections::hash_map::RandomState,
    env,
    hash::{BuildHasher as _, Hasher as _},
    panic::catch_unwind,
    process::ExitCode,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use simulation::{KEPT, Report, Totals, live};
use tokio::time::Instant;

const USAGE: &str = "\
usage: simulation [--seeds N] [--seed FIRST] [--jobs N] [--seconds N] [--kept] [--new] [--trace]

  --seeds N     how many seeds; 100 by default
  --seed FIRST  the first of them
  --jobs N      how many at once; as many as there are cores by default
  --seconds N   begin none after so many seconds
  --kept        before them those that once failed
  --new         before them one that nobody has seen yet
  --trace       print all that happens";

struct Orders {
    seeds: Vec<u64>,
    jobs: usize,
    limit: Option<Duration>,
    trace: bool,
}

fn main() -> ExitCode {
    let orders = match read(env::args().skip(1)) {
        Ok(orders) => orders,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if run(&orders) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Orders, String> {
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let (mut count, mut first) = (100, 1);
    let mut orders = Orders {
        seeds: Vec::new(),
        jobs,
        limit: None,
        trace: false,
    };
    while let Some(name) = arguments.next() {
        let mut number = || {
            let value = arguments.next().unwrap_or_default();
            let number = value.parse::<u64>();
            number.map_err(|_| format!("{name} needs a number, not `{value}`"))
        };
        match name.as_str() {
            "--trace" => orders.trace = true,
            "--kept" => orders.seeds.extend(KEPT),
            "--new" => orders.seeds.push(new_seed()),
            "--seeds" => count = number()?,
            "--seed" => first = number()?,
            "--jobs" => orders.jobs = usize::try_from(number()?).unwrap_or(1).max(1),
            "--seconds" => orders.limit = Some(Duration::from_secs(number()?)),
            _ => return Err(format!("unknown argument `{name}`")),
        }
    }
    orders.seeds.extend(first..first.saturating_add(count));
    Ok(orders)
}

/// One that nobody has seen yet, short enough to be typed.
fn new_seed() -> u64 {
    let seed = RandomState::new().build_hasher().finish() % 1_000_000_000;
    println!("new seed: {seed}");
    seed
}

/// Lives all days; returns whether all were good.
fn run(orders: &Orders) -> bool {
    let next = AtomicUsize::new(0);
    let end = orders.limit.map(|limit| Instant::now() + limit);
    let (sender, reports) = mpsc::channel();
    let mut totals = Totals::default();
    let mut bad = Vec::new();
    thread::scope(|scope| {
        for _ in 0..orders.jobs {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || work(orders, end, next, &sender));
        }
        drop(sender);
        for report in reports {
            totals += report.totals;
            show(&report);
            if !report.objections.is_empty() {
                bad.push(report.seed);
            }
            if totals.seeds % 500 == 0 {
                println!("{totals}; {} bad", bad.len());
            }
        }
    });
    println!("{totals}");
    if !bad.is_empty() {
        println!("bad: {bad:?}; replay one with `cargo xtask sim --seeds 1 --seed N --trace`");
    }
    bad.is_empty()
}

fn work(orders: &Orders, end: Option<Instant>, next: &AtomicUsize, reports: &mpsc::Sender<Report>) {
    while end.is_none_or(|end| Instant::now() < end) {
        let Some(&seed) = orders.seeds.get(next.fetch_add(1, Ordering::Relaxed)) else {
            return;
        };
        let report = catch_unwind(|| live(seed, orders.trace));
        let report = report.unwrap_or_else(|_| Report::panicked(seed));
        if reports.send(report).is_err() {
            return;
        }
    }
}

fn show(report: &Report) {
    if let Some(trace) = &report.trace {
        println!("{trace}");
    }
    for objection in &report.objections {
        println!("seed {}: {objection}", report.seed);
    }
}
