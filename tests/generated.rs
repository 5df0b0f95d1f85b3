//! `src/core/wire/generated.rs` is what `proto/leaderserver.proto` makes.
//!
//! With `LEADERSERVER_BLESS=1` (`make fix`) the file is written; without, it is compared.

use std::path::Path;

use prost_build::Module;

const PACKAGE: &str = "leaderserver.v1";

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
    let file = root.join("src/core/wire/generated.rs");
    let generated = generate(root);
    if std::env::var_os("LEADERSERVER_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(&file, generated).expect("the source tree can be written");
        return;
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        generated == committed,
        "{} is not what proto/leaderserver.proto makes: run `make fix`",
        file.display()
    );
}

fn generate(root: &Path) -> String {
    let protocol = root.join("proto/leaderserver.proto");
    let files = protox::compile([&protocol], [root.join("proto")]).expect("the protocol is valid");
    let mut config = prost_build::Config::new();
    config.bytes(["."]);
    for message in SERIALIZED {
        config.type_attribute(format!(".{PACKAGE}.{message}"), "#[derive(serde::Serialize)]");
    }
    let requests = files
        .file
        .into_iter()
        .map(|file| (Module::from_protobuf_package_name(file.package()), file))
        .collect();
    let modules = config.generate(requests).expect("prost accepts the protocol");
    let module = Module::from_protobuf_package_name(PACKAGE);
    let code = modules.get(&module).expect("the package has code");
    format!("// Made from proto/leaderserver.proto by tests/generated.rs: do not edit.\n\n{code}")
}
