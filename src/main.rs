//! The `streamlens` command.

use std::process::ExitCode;

use streamlens::Analyzer;

fn main() -> ExitCode {
    let paths: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--") && argument != "json").collect();
    match Analyzer::default().run_files(&paths) {
        Ok(analysis) => {
            let _ = serde_json::to_writer(std::io::stdout().lock(), &analysis);
            if analysis.capture.warnings.iter().any(|warning| warning.incomplete) {
                5.into()
            } else {
                ExitCode::SUCCESS
            }
        }
        Err(error) => {
            eprintln!("streamlens: {error}");
            3.into()
        }
    }
}
