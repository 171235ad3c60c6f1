//! Ten million events over a hundred thousand rooms.

use std::sync::Arc;

use matrix_bridge::StateStore;
use tokio_util::sync::CancellationToken;

use crate::{
    Result,
    arguments::Flood,
    ends::Answers,
    engine,
    handler::Handler,
    sample::{self, Samples},
    source::MadeUp,
    store,
};

pub(crate) async fn run(sizes: Flood) -> Result<()> {
    let (_folder, path, store) = store()?;
    let handler = Arc::new(Handler::default());
    let engine = engine(store.clone(), Arc::new(Answers::default()), handler.clone());
    let health = engine.handle().health().clone();
    let stop = CancellationToken::new();
    let (source, mut committed) = MadeUp::new(sizes);
    let running = tokio::spawn(engine.run(Box::new(source), stop.clone()));

    let mut samples = Samples::new(sizes, path, health);
    println!("{}", sample::HEAD);
    while let Some(events) = committed.recv().await {
        if samples.is_due(events) {
            println!("{}", samples.take(events, &handler)?);
        }
    }
    stop.cancel();
    running.await??;
    store.close().await?;
    println!("\n{}\n", samples.verdict());
    Ok(())
}
