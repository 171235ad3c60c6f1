//! What is known about rooms.

use matrix_bridge_core::{Batch, Membership, RoomFacts};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{account, batch, facts, last_seen, other_account, room},
};

/// Facts come in the order of the questions; an unknown room has none.
pub async fn facts_are_told_in_the_order_asked(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let one = facts("one", Membership::Join);
    let two = facts("two", Membership::Invite);
    write(&store, vec![one.clone(), two.clone()]).await;

    let told = told(&store, &["two", "three", "one"]).await;

    assert_eq!(told, [Some(two), None, Some(one)]);
}

/// Facts are written in full: what the new ones leave out is gone.
pub async fn newer_facts_replace_older_ones_in_full(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let first = RoomFacts {
        encrypted: true,
        successor: Some(room("next")),
        ..last_seen("one", "last")
    };
    let second = facts("one", Membership::Leave);
    write(&store, vec![first.clone()]).await;
    assert_eq!(told(&store, &["one"]).await, [Some(first)]);

    write(&store, vec![second.clone()]).await;

    assert_eq!(told(&store, &["one"]).await, [Some(second)]);
    assert_eq!(store.joined().await, []);
}

/// Of two facts about one room in one batch the later ones hold.
pub async fn the_last_facts_of_a_batch_hold(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let left = facts("one", Membership::Leave);
    write(&store, vec![facts("one", Membership::Join), left.clone()]).await;

    assert_eq!(told(&store, &["one"]).await, [Some(left)]);
}

/// One account's membership says nothing about another's.
pub async fn facts_belong_to_one_account(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    write(&store, vec![last_seen("one", "last")]).await;

    let other = store
        .store
        .facts(&other_account(), &[&room("one")])
        .await
        .expect("facts are readable");
    let rooms = store
        .store
        .rooms(&other_account(), Membership::Join, None, 10)
        .await
        .expect("facts are readable");

    assert_eq!(other, [None]);
    assert_eq!(rooms, []);
}

/// Pages follow each other by room id, without gap or overlap, of one membership.
pub async fn rooms_are_listed_page_by_page(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let names = ["a", "B", "b", "c", "d", "e"];
    let joined = names.map(|name| facts(name, Membership::Join));
    let mut all = joined.to_vec();
    let others = [Membership::Unknown, Membership::Invite, Membership::Leave];
    all.extend(others.map(|other| facts(&format!("b-{}", other.as_str()), other)));
    all.reverse();
    write(&store, all).await;

    let mut listed: Vec<RoomFacts> = Vec::new();
    let mut sizes = Vec::new();
    for _ in 0..4 {
        let after = listed.last().map(|facts| facts.room.clone());
        let page = store
            .store
            .rooms(&account(), Membership::Join, after.as_deref(), 2)
            .await
            .expect("facts are readable");
        sizes.push(page.len());
        listed.extend(page);
    }

    let mut expected = joined.to_vec();
    expected.sort_by(|a, b| a.room.cmp(&b.room));
    assert_eq!(listed, expected);
    assert_eq!(sizes, [2, 2, 2, 0]);
}

/// Encrypted rooms are counted whatever the membership, by account.
pub async fn encrypted_rooms_are_counted(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let encrypted = |name, membership| RoomFacts {
        encrypted: true,
        ..facts(name, membership)
    };
    let rooms = vec![
        encrypted("one", Membership::Join),
        encrypted("two", Membership::Leave),
        facts("three", Membership::Join),
    ];
    write(&store, rooms).await;
    write(&store, vec![encrypted("one", Membership::Join)]).await;

    assert_eq!(store.encrypted().await, 2);
    let other = store.store.encrypted_rooms(&other_account()).await;
    assert_eq!(other.expect("facts are readable"), 0);
}

async fn write(store: &Checked, facts: Vec<RoomFacts>) {
    store.commit(Batch { facts, ..batch() }).await;
}

async fn told(store: &Checked, names: &[&str]) -> Vec<Option<RoomFacts>> {
    let rooms: Vec<_> = names.iter().map(|name| room(name)).collect();
    let rooms: Vec<_> = rooms.iter().map(|room| &**room).collect();
    let facts = store.store.facts(&account(), &rooms).await;
    facts.expect("facts are readable")
}
