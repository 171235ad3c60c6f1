//! Dependencies come from crates.io, with a version.

use super::metadata::{Dependency, Metadata, Package};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn findings(metadata: &Metadata) -> Vec<String> {
    let foreign = metadata.foreign().filter_map(foreign_source);
    let wildcards = metadata.ours().flat_map(|package| {
        let wild = package
            .dependencies
            .iter()
            .filter(|dependency| is_wildcard(dependency));
        wild.map(|dependency| {
            format!(
                "{} takes any version of {}: name one",
                package.name, dependency.name
            )
        })
    });
    foreign.chain(wildcards).collect()
}

fn foreign_source(package: &Package) -> Option<String> {
    let source = package
        .source
        .as_deref()
        .filter(|source| *source != CRATES_IO)?;
    Some(format!(
        "{} {} comes from {source}, not from crates.io",
        package.name, package.version
    ))
}

/// A path without a version is how the testkit is a dev-dependency of crates that it depends on.
fn is_wildcard(Dependency { name: _, req, path }: &Dependency) -> bool {
    path.is_none() && req == "*"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_git_source_and_a_wildcard_are_found_and_a_path_is_not() {
        let dependency = |name: &str, path: Option<&str>| Dependency {
            name: name.into(),
            req: "*".into(),
            path: path.map(Into::into),
        };
        let ours = Package {
            name: "ours".into(),
            dependencies: vec![
                dependency("wild", None),
                dependency("testkit", Some("testkit")),
            ],
            ..Package::default()
        };
        let git = Package {
            name: "git".into(),
            source: Some("git+https://x".into()),
            ..Package::default()
        };
        let fine = Package {
            source: Some(CRATES_IO.into()),
            ..Package::default()
        };

        let found = findings(&Metadata {
            packages: vec![ours, git, fine],
        });

        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("git ") && found[1].ends_with("wild: name one"),
            "{found:?}"
        );
    }
}
