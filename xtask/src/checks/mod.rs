//! What no compiler checks: rules about dependencies, and whether planted bugs still fit the code.
//!
//! In place of cargo-deny, which takes longer to compile than all of ours; its configuration is the one that
//! is read here, so that either may be run.

mod coexistence;
mod core_purity;
mod features;
mod licenses;
mod metadata;
mod rust_versions;
mod sources;
mod spdx;

pub(crate) use coexistence::coexistence;
pub(crate) use features::features;

use super::failure::Failure;
use super::planted;
use super::runner::Shell;
use metadata::Metadata;

/// All rules that need no compiler.
pub(crate) async fn rules(shell: &Shell) -> Result<(), Failure> {
    let metadata = Metadata::of_workspace(shell).await?;
    let findings = [
        sources::findings(&metadata),
        licenses::findings(&metadata)?,
        rust_versions::findings(&metadata),
        core_purity::findings(shell).await?,
        planted::findings(shell).await?,
    ];
    Failure::unless_empty(findings.concat())
}
