//! Values of handlers and adapters.

use matrix_bridge_core::{Batch, ValueChange, ValueKey};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{batch, remove, set},
};

/// Values come in the order of the questions.
pub async fn values_are_told_in_the_order_asked(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    change(&store, vec![set("one", "1"), set("two", "2")]).await;

    let values = store.values(&["two", "three", "one", "two"]).await;

    let [one, two] = ["1", "2"].map(|value| Some(value.as_bytes().to_vec()));
    assert_eq!(values, [two.clone(), None, one, two]);
}

/// A value can be replaced, and removed.
pub async fn values_are_replaced_and_removed(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    change(&store, vec![set("one", "1"), set("two", "2")]).await;

    change(&store, vec![set("one", "new"), remove("two")]).await;

    let values = store.values(&["one", "two"]).await;
    assert_eq!(values, [Some(b"new".to_vec()), None]);
}

/// Of two changes of one value in one batch the later one holds.
pub async fn the_last_change_of_a_batch_holds(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let changes = vec![set("one", "1"), remove("one"), set("two", "2")];
    change(&store, changes).await;
    assert_eq!(store.values(&["one"]).await, [None]);

    change(&store, vec![remove("two"), set("two", "new")]).await;

    assert_eq!(store.values(&["two"]).await, [Some(b"new".to_vec())]);
}

/// An empty value is there.
pub async fn an_empty_value_is_not_a_missing_one(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    change(&store, vec![set("one", "")]).await;

    assert_eq!(store.values(&["one"]).await, [Some(Vec::new())]);
}

/// Namespace and key are two things, not one text.
pub async fn namespaces_do_not_touch(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let keys = [("a", "bc"), ("ab", "c"), ("", "abc"), ("abc", "")];
    let keys = keys.map(|(namespace, key)| ValueKey::new(namespace, key));
    let all = keys.iter().enumerate();
    let changes = all.map(|(n, key)| ValueChange {
        key: key.clone(),
        value: Some(n.to_string().into()),
    });
    change(&store, changes.collect()).await;

    let values = store.store.values(&keys).await;

    let values = values.expect("values are readable");
    let expected = ["0", "1", "2", "3"].map(|n| Some(n.as_bytes().into()));
    assert_eq!(values, expected);
}

async fn change(store: &Checked, values: Vec<ValueChange>) {
    store.commit(Batch { values, ..batch() }).await;
}
