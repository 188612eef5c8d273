//! Random numbers that can be repeated.

/// A generator, whose seed is printed.
pub fn random() -> fastrand::Rng {
    let seed = match std::env::var("END_TO_END_SEED") {
        Ok(seed) => seed.parse().expect("END_TO_END_SEED is a number"),
        Err(_) => fastrand::u64(..),
    };
    println!("END_TO_END_SEED={seed} repeats this");
    fastrand::Rng::with_seed(seed)
}
