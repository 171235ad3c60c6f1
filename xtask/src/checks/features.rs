//! Each crate builds without its features, and with each one alone.

use super::metadata::{Metadata, Package};
use crate::failure::Failure;
use crate::runner::Shell;

pub(crate) async fn features(shell: &Shell) -> Result<(), Failure> {
    let metadata = Metadata::of_workspace(shell).await?;
    let mut results = Vec::new();
    for package in metadata.published() {
        for set in sets(package) {
            let mut arguments = vec!["check", "--package", &package.name, "--no-default-features"];
            arguments.extend(set.iter().flat_map(|feature| ["--features", feature]));
            results.push(shell.cargo(&arguments).await);
        }
    }
    Failure::all(results)
}

/// None, then each one alone. All of them together is what clippy sees.
fn sets(package: &Package) -> Vec<Option<&str>> {
    let alone = package
        .features
        .keys()
        .filter(|feature| *feature != "default");
    std::iter::once(None)
        .chain(alone.map(|feature| Some(feature.as_str())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_built_bare_and_with_each_feature_but_default() {
        let names = ["default", "client", "sqlite"];
        let features = names
            .map(|name| (name.to_owned(), Vec::new()))
            .into_iter()
            .collect();
        let package = Package {
            features,
            ..Package::default()
        };

        assert_eq!(sets(&package), [None, Some("client"), Some("sqlite")]);
    }
}
