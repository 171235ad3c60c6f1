//! The reference store is held to its own contract.

use matrix_bridge_testkit::{conformance::InMemory, copy_conformance, store_conformance};

store_conformance!(InMemory::default());
copy_conformance!(InMemory::default());
