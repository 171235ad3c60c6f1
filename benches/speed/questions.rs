//! The questions: each side measured in rounds, the baseline before and after ours.

use crate::{
    Result,
    arguments::{Arguments, Question, Sizes},
    claim::Outbox,
    ingest::Ingest,
    marks::Marks,
    memory,
    rival::Rival,
    sends::Sends,
    table::{Line, Round, Target},
    took::Took,
};

/// What the process that takes everything in may need.
const MEMORY_MIB: f64 = 32.0;

/// Asks one question; a line for each of its baselines.
pub(crate) async fn ask(question: Question, arguments: &Arguments) -> Result<Vec<Line>> {
    let sizes = &arguments.sizes;
    let rival = arguments.rival.as_deref().map(Rival::new);
    match question {
        Question::Ingest => ingest(sizes, rival.as_ref()).await,
        Question::Memory => memory(arguments).await,
        Question::Sends => sends(sizes, rival.as_ref()).await,
        Question::Order => order(sizes).await,
        Question::Marks => marks(sizes).await,
        Question::Claim => claim(sizes).await,
        Question::Workers => match &arguments.postgres {
            Some(url) => workers(sizes, url).await,
            None => Ok(Vec::new()),
        },
    }
}

/// Runs only our side of one question, for a profiler to look at.
pub(crate) async fn profile(question: Question, sizes: &Sizes) -> Result<()> {
    match question {
        Question::Ingest => {
            let [few, many] = sizes.news;
            for news in [few, many] {
                let ingest = Ingest::prepare(news).await?;
                for _ in 0..sizes.rounds {
                    println!("{}", ingest.ours().await?);
                }
            }
        }
        Question::Sends | Question::Order => {
            let sends = sends_of(question, sizes)?;
            for _ in 0..sizes.rounds {
                println!("{}", sends.ours().await?);
            }
        }
        Question::Memory | Question::Marks | Question::Claim | Question::Workers => {
            return Err(format!("`{}` has no profile", question.name()).into());
        }
    }
    Ok(())
}

async fn ingest(sizes: &Sizes, rival: Option<&Rival>) -> Result<Vec<Line>> {
    let [few, many] = sizes.news;
    let both = [Ingest::prepare(few).await?, Ingest::prepare(many).await?];
    let mut lines = Vec::new();
    let mut costs = [Vec::new(), Vec::new()];
    for ingest in &both {
        let question = format!("ingest, {} rooms", ingest.news.rooms);
        let line = |baseline, target| line(question.clone(), baseline, "events/s", target);
        lines.push(line("fetch and drop", Target::None));
        lines.push(line("fetch and parse", Target::AtLeast(0.35)));
        lines.push(line("matrix-sdk", Target::AtLeast(12.0)));
    }
    for _ in 0..sizes.rounds {
        for (index, ingest) in both.iter().enumerate() {
            let fetched = ingest.fetched().await?;
            let parsed = ingest.parsed().await?;
            let ours = ingest.ours().await?;
            let parsed = parsed.and(ingest.parsed().await?);
            let fetched = fetched.and(ingest.fetched().await?);
            let mut baselines = vec![fetched, parsed];
            if let Some(rival) = rival {
                baselines.push(rival.ingest(&ingest.news).await?);
            }
            let lines = lines.iter_mut().skip(index * 3);
            for (line, baseline) in lines.zip(baselines) {
                line.rounds.push(rates(&ours, &baseline));
            }
            costs[index].push(ours);
        }
    }
    let question = format!("an event of {} rooms", many.rooms);
    let baseline = format!("of {} rooms", few.rooms);
    let [few, many] = costs;
    let rounds = many.iter().zip(&few).map(|(ours, of)| costs_of(ours, of));
    let mut growth = line(question, &baseline, "us", Target::AtMost(1.25));
    growth.rounds = rounds.collect();
    lines.push(growth);
    lines.retain(|line| !line.rounds.is_empty());
    Ok(lines)
}

async fn memory(arguments: &Arguments) -> Result<Vec<Line>> {
    let [_, many] = arguments.sizes.news;
    let ingest = Ingest::prepare(many).await?;
    let question = format!("peak memory, {} rooms", many.rooms);
    let mut line = line(question, "what is allowed", "MiB", Target::AtMost(1.0));
    for _ in 0..arguments.sizes.rounds {
        let kib = memory::measured(&ingest, arguments.is_full).await?;
        line.rounds.push(Round {
            ours: f64::from(u32::try_from(kib)?) / 1024.0,
            baseline: MEMORY_MIB,
        });
    }
    Ok(vec![line])
}

async fn sends(sizes: &Sizes, rival: Option<&Rival>) -> Result<Vec<Line>> {
    let Sizes {
        lanes, messages, ..
    } = *sizes;
    let sends = sends_of(Question::Sends, sizes)?;
    let question = format!("outbox, {lanes} rooms at once");
    let mut of_plain = line(
        question.clone(),
        "plain HTTP",
        "rows/s",
        Target::AtLeast(0.25),
    );
    let mut of_rival = line(question, "matrix-sdk", "rows/s", Target::AtLeast(15.0));
    // The first round of each side pays for connections and caches.
    sends.ours().await?;
    for _ in 0..sizes.rounds {
        let plain = sends.plain().await?;
        let ours = sends.ours().await?;
        let plain = plain.and(sends.plain().await?);
        of_plain.rounds.push(rates(&ours, &plain));
        if let Some(rival) = rival {
            let rival = rival.sends(lanes, messages).await?;
            of_rival.rounds.push(rates(&ours, &rival));
        }
    }
    let mut lines = vec![of_plain, of_rival];
    lines.retain(|line| !line.rounds.is_empty());
    Ok(lines)
}

async fn order(sizes: &Sizes) -> Result<Vec<Line>> {
    let sends = sends_of(Question::Order, sizes)?;
    let target = Target::AtLeast(0.4);
    let mut line = line(
        "outbox, one room".to_owned(),
        "plain HTTP",
        "rows/s",
        target,
    );
    sends.ours().await?;
    for _ in 0..sizes.rounds {
        let plain = sends.plain().await?;
        let ours = sends.ours().await?;
        let plain = plain.and(sends.plain().await?);
        line.rounds.push(rates(&ours, &plain));
    }
    Ok(vec![line])
}

/// How sending grows with the bots that share a database; the first line says what one is
/// to plain requests.
async fn workers(sizes: &Sizes, url: &str) -> Result<Vec<Line>> {
    const MORE: [usize; 3] = [2, 4, 8];
    let sends = sends_of(Question::Sends, sizes)?;
    let question = |workers| format!("PostgreSQL, {workers} bots");
    let mut alone = line(question(1), "plain HTTP", "rows/s", Target::None);
    let mut more = MORE.map(|workers| line(question(workers), "1 bot", "rows/s", Target::None));
    // Two are more than one wherever there is something left to share.
    more[0].target = Target::AtLeast(1.0);
    sends.shared(url, 1).await?;
    for _ in 0..sizes.rounds {
        let plain = sends.plain().await?;
        let one = sends.shared(url, 1).await?;
        alone.rounds.push(rates(&one, &plain));
        for (workers, line) in MORE.into_iter().zip(&mut more) {
            let ours = sends.shared(url, workers).await?;
            let one = sends.shared(url, 1).await?;
            line.rounds.push(rates(&ours, &one));
        }
    }
    Ok([vec![alone], more.into()].concat())
}

fn sends_of(question: Question, sizes: &Sizes) -> Result<Sends> {
    match question {
        Question::Order => Sends::prepare(1, sizes.in_order),
        _ => Sends::prepare(sizes.lanes, sizes.messages),
    }
}

async fn marks(sizes: &Sizes) -> Result<Vec<Line>> {
    let [few, many] = sizes.marks;
    let question = format!("look-up, {many} marks");
    let mut line = line(question, &format!("{few} marks"), "us", Target::AtMost(2.0));
    let (few, many) = (Marks::prepare(few).await?, Marks::prepare(many).await?);
    for _ in 0..sizes.rounds {
        let before = few.look_up().await?;
        let ours = many.look_up().await?;
        let after = few.look_up().await?;
        line.rounds.push(costs_of(&ours, &before.and(after)));
    }
    Ok(vec![line])
}

async fn claim(sizes: &Sizes) -> Result<Vec<Line>> {
    let [few, many] = sizes.rows;
    let baseline = format!("{few} rows");
    let target = Target::AtMost(2.0);
    let mut long = line(format!("claim, {many} rows"), &baseline, "us", target);
    let question = format!("claim, {} rooms stuck", sizes.stuck);
    let mut stuck = line(question, &baseline, "us", target);
    let (few, many) = (Outbox::prepare(few).await?, Outbox::prepare(many).await?);
    long.rounds = claims(sizes.rounds, &few, &many).await?;
    many.stick(sizes.stuck).await?;
    stuck.rounds = claims(sizes.rounds, &few, &many).await?;
    Ok(vec![long, stuck])
}

async fn claims(rounds: usize, few: &Outbox, many: &Outbox) -> Result<Vec<Round>> {
    let mut measured = Vec::new();
    for _ in 0..rounds {
        let before = few.claim().await?;
        let ours = many.claim().await?;
        let after = few.claim().await?;
        measured.push(costs_of(&ours, &before.and(after)));
    }
    Ok(measured)
}

fn line(question: String, baseline: &str, unit: &'static str, target: Target) -> Line {
    Line {
        question,
        baseline: baseline.to_owned(),
        unit,
        target,
        rounds: Vec::new(),
    }
}

fn rates(ours: &Took, baseline: &Took) -> Round {
    Round {
        ours: ours.rate(),
        baseline: baseline.rate(),
    }
}

fn costs_of(ours: &Took, baseline: &Took) -> Round {
    Round {
        ours: ours.cost(),
        baseline: baseline.cost(),
    }
}
