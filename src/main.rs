//! The `streamlens` command.

mod cli;

/// Made for many threads that allocate and free small pieces: what the state of a million flows is.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
