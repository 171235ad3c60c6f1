//! What the limits of pruning count.

use matrix_bridge_core::{Account, Batch, ListState, PruneLimits};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{
        ALL, account, at, batch, event, no_limits, other_account, parked, parked_event, row, shadow,
    },
};

/// Accounts do not have limits of their own: the newest of all stay.
pub async fn counts_are_of_the_whole_store(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    for n in 0..3 {
        for account in [account(), other_account()] {
            let name = n.to_string();
            let kept = Batch {
                marks: vec![event(&name)],
                parked: vec![parked_event(&name)],
                ..Batch::new(account, at(n))
            };
            store.commit(kept).await;
        }
    }
    let limits = PruneLimits {
        marks_max: 3,
        parked_events_max: 3,
        ..no_limits()
    };
    store.prune(limits).await;

    let mut seen = Vec::new();
    let mut parked = Vec::new();
    for account in [account(), other_account()] {
        seen.push(marks_of(&store, &account).await);
        let events = store.store.parked_events(&account, None, ALL).await;
        let events = events.expect("parked events are readable").into_iter();
        parked.push(
            events
                .map(|event| event.event.reason.detail)
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(seen, [[false, false, true], [false, true, true]]);
    assert_eq!(parked, [vec!["2"], vec!["2", "1"]]);
}

async fn marks_of(store: &Checked, account: &Account) -> Vec<bool> {
    let events = ["0", "1", "2"].map(event);
    let seen = store.store.seen(account, &events).await;
    seen.expect("marks are readable")
}

/// However much a call forgets: as long as it says that there is more, there may be, and
/// when it does not, there is none.
pub async fn pruning_says_when_there_is_more(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let names: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    let rows = names.iter().map(|name| {
        [
            shadow(row(&format!("{name} shadow"), name)),
            parked(row(&format!("{name} parked"), name)),
        ]
    });
    let rows = rows.flatten().collect();
    store.commit(Batch { rows, ..batch() }).await;
    let limits = PruneLimits {
        records_max: 2,
        parked_rows_max: 2,
        ..no_limits()
    };
    for _ in 0..1_000 {
        let pruned = store.store.prune(limits).await.expect("pruning works");
        if !pruned.has_more {
            break;
        }
    }

    let shadow = store.list(ListState::Shadow).await.len();
    let parked = store.list(ListState::Parked).await.len();
    assert_eq!((shadow, parked, store.outcomes().await.len()), (2, 2, 2));
}
