//! Work that only one process may do at a time.

use matrix_bridge_core::{Fence, LeaseName, LeaseOutcome, LeaseRequest};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{HOLD, at, lease_name, lease_of},
};

/// The first to ask holds the lease, and the others are told until when.
pub async fn a_lease_has_one_holder(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.held(lease_of("first", 10)).await;

    let outcome = store.lease(lease_of("second", 10)).await;
    let late = store.lease(lease_of("second", 1_009)).await;

    let taken = LeaseOutcome::Taken {
        until: at(10) + HOLD,
    };
    assert_eq!(outcome, taken);
    assert_eq!(late, taken);
}

/// A holder that renews in time keeps its number and gains time.
pub async fn a_renewed_lease_keeps_its_fence(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let first = store.held(lease_of("first", 10)).await;

    let renewed = store.held(lease_of("first", 1_009)).await;

    assert_eq!(renewed, first);
    let until = at(1_009) + HOLD;
    let other = store.lease(lease_of("second", 1_010)).await;
    assert_eq!(other, LeaseOutcome::Taken { until });
}

/// Whoever takes over a lease that ran out gets a larger number.
pub async fn a_lease_that_ran_out_changes_hands(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let first = store.held(lease_of("first", 10)).await;

    let second = store.held(lease_of("second", 1_010)).await;

    assert!(second > first);
    let back = store.lease(lease_of("first", 1_011)).await;
    let until = at(1_010) + HOLD;
    assert_eq!(back, LeaseOutcome::Taken { until });
}

/// A holder that comes back too late has a new number: it may have missed another one.
pub async fn a_late_holder_gets_a_new_fence(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let first = store.held(lease_of("first", 10)).await;

    let again = store.held(lease_of("first", 1_010)).await;

    assert!(again > first);
}

/// A lease that was let go is free at once, under a larger number.
pub async fn a_released_lease_is_free(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let mut last = Fence(0);
    for holder in ["first", "second", "second"] {
        let fence = store.held(lease_of(holder, 10)).await;
        assert!(fence > last);
        last = fence;
        release(&store, &lease_name(), fence).await;
    }
}

/// A former holder cannot let go of what is no longer its own.
pub async fn an_old_fence_releases_nothing(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    release(&store, &lease_name(), Fence(0)).await;
    let old = store.held(lease_of("first", 10)).await;
    store.held(lease_of("second", 2_000)).await;

    release(&store, &lease_name(), old).await;
    release(&store, &LeaseName::new("other"), old).await;

    let until = at(2_000) + HOLD;
    let outcome = store.lease(lease_of("third", 2_001)).await;
    assert_eq!(outcome, LeaseOutcome::Taken { until });
}

/// Leases of different names have nothing to do with each other.
pub async fn leases_are_told_apart_by_name(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.held(lease_of("first", 10)).await;

    let other = LeaseRequest {
        name: LeaseName::new("other"),
        ..lease_of("second", 10)
    };
    store.held(other).await;
}

/// Fences also grow over a restart, held or released.
pub async fn fences_grow_over_a_restart(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let first = store.held(lease_of("first", 10)).await;
    store = store.reopen(factory).await;
    let other = store.lease(lease_of("second", 20)).await;
    let until = at(10) + HOLD;
    assert_eq!(other, LeaseOutcome::Taken { until });
    release(&store, &lease_name(), first).await;
    store = store.reopen(factory).await;

    let second = store.held(lease_of("second", 20)).await;

    assert!(second > first);
}

/// A renewal counts from its own time on, also where that makes the lease shorter.
pub async fn a_lease_runs_from_its_last_renewal(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let first = store.held(lease_of("first", 10)).await;
    let short = LeaseRequest {
        ttl: HOLD / 4,
        ..lease_of("first", 20)
    };
    assert_eq!(store.held(short).await, first);

    let until = at(20) + HOLD / 4;
    let other = store.lease(lease_of("second", until.0 - 1)).await;
    assert_eq!(other, LeaseOutcome::Taken { until });
    let next = store.held(lease_of("second", until.0)).await;
    assert!(next > first);
}

async fn release(store: &Checked, name: &LeaseName, fence: Fence) {
    let released = store.store.release(name, fence).await;
    released.expect("releasing works");
}
