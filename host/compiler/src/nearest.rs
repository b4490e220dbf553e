//! The name that was most likely meant.

/// The nearest of the names, if it is near: at most a third of the letters differ, and at least one may. Whether they
/// are large or small only decides between names that are equally near.
pub(crate) fn nearest<N: AsRef<str> + Ord>(
    written: &str,
    names: impl Iterator<Item = N>,
) -> Option<N> {
    let limit = (written.chars().count() / 3).max(1);
    let lower = written.to_lowercase();
    names
        .filter(|name| name.as_ref() != written)
        .map(|name| {
            let distance = strsim::osa_distance(&lower, &name.as_ref().to_lowercase());
            (distance, strsim::osa_distance(written, name.as_ref()), name)
        })
        .filter(|(distance, ..)| *distance <= limit)
        .min()
        .map(|(.., name)| name)
}
