//! `src/core/wire/generated.rs` is what `proto/leaderserver.proto` makes, and
//! `src/core/records/generated.rs` what `proto/records.proto` makes.
//!
//! With `LEADERSERVER_BLESS=1` (`make fix`) the files are written; without, they are compared.

use std::path::Path;

use prost_build::Module;

/// Protocol, its package, and the code it makes.
const GENERATED: [(&str, &str, &str); 2] = [
    ("leaderserver.proto", "leaderserver.v1", "src/core/wire/generated.rs"),
    ("records.proto", "leaderserver.records.v1", "src/core/records/generated.rs"),
];

const SERIALIZE: &str = "#[derive(serde::Serialize)]";

/// What `leaderserver status --json` prints.
const SERIALIZED: [&str; 6] = [
    "Status",
    "NamespaceStatus",
    "ElectionStatus",
    "CandidateStatus",
    "ComponentStatus",
    "SessionStatus",
];

#[test]
fn the_generated_code_is_that_of_the_protocol() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bless = std::env::var_os("LEADERSERVER_BLESS").is_some_and(|bless| bless == "1");
    for (protocol, package, code) in GENERATED {
        let file = root.join(code);
        let generated = generate(root, protocol, package);
        if bless {
            std::fs::write(&file, generated).expect("the source tree can be written");
            continue;
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            generated == committed,
            "{} is not what proto/{protocol} makes: run `make fix`",
            file.display()
        );
    }
}

fn generate(root: &Path, protocol: &str, package: &str) -> String {
    let file = root.join("proto").join(protocol);
    let files = protox::compile([&file], [root.join("proto")]).expect("the protocol is valid");
    let mut config = prost_build::Config::new();
    config.bytes(["."]);
    for message in SERIALIZED {
        config.type_attribute(format!(".{}.{message}", GENERATED[0].1), SERIALIZE);
    }
    let requests = files
        .file
        .into_iter()
        .map(|file| (Module::from_protobuf_package_name(file.package()), file))
        .collect();
    let modules = config.generate(requests).expect("prost accepts the protocol");
    let module = Module::from_protobuf_package_name(package);
    let code = modules.get(&module).expect("the package has code");
    format!("// Made from proto/{protocol} by tests/generated.rs: do not edit.\n\n{code}")
}
