//! Dependencies come from crates.io, with a version.

use super::metadata::{Dependency, Metadata, Package};

pub(super) fn findings(metadata: &Metadata) -> Vec<String> {
    let foreign = metadata.foreign().filter_map(git_source);
    let others = metadata.ours().flat_map(|package| {
        let named = package.dependencies.iter().filter_map(|dependency| {
            let registry = dependency.registry.as_deref()?;
            Some(format!(
                "{} takes {} from {registry}, not from crates.io",
                package.name, dependency.name
            ))
        });
        named.collect::<Vec<_>>()
    });
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
    foreign.chain(others).chain(wildcards).collect()
}

fn git_source(package: &Package) -> Option<String> {
    let source = package
        .source
        .as_deref()
        .filter(|source| source.starts_with("git+"))?;
    Some(format!(
        "{} {} comes from {source}, not from crates.io",
        package.name, package.version
    ))
}

/// A path without a version is how the testkit is a dev-dependency of crates that it depends on.
fn is_wildcard(dependency: &Dependency) -> bool {
    dependency.path.is_none() && dependency.req == "*"
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
            registry: None,
        };
        let elsewhere = Dependency {
            req: "1".into(),
            registry: Some("registry+https://x".into()),
            ..dependency("elsewhere", None)
        };
        let ours = Package {
            name: "ours".into(),
            dependencies: vec![
                dependency("wild", None),
                dependency("testkit", Some("testkit")),
                elsewhere,
            ],
            ..Package::default()
        };
        let git = Package {
            name: "git".into(),
            source: Some("git+https://x".into()),
            ..Package::default()
        };
        let fine = Package {
            source: Some("registry+".into()),
            ..Package::default()
        };

        let found = findings(&Metadata {
            packages: vec![ours, git, fine],
        });

        let starts = [
            "git  comes from",
            "ours takes elsewhere from",
            "ours takes any version of wild",
        ];
        assert_eq!(found.len(), starts.len(), "{found:?}");
        for (found, start) in found.iter().zip(starts) {
            assert!(found.starts_with(start), "{found}");
        }
    }
}
