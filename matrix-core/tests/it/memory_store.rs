//! The reference store is held to its own contract.

use matrix_bridge_testkit::{conformance::InMemory, store_conformance};

store_conformance!(InMemory::default());
