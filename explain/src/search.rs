//! The order in which mistakes are tried.

/// All selections of at most `most` of these steps, the shortest first. The
/// steps of a selection have different [`Step::dimension`]s.
pub fn choices<S: Step>(steps: &[S], most: usize) -> Vec<Vec<&S>> {
    let mut all: Vec<Vec<&S>> = vec![Vec::new()];
    let mut of_last_length: Vec<(usize, Vec<&S>)> = vec![(0, Vec::new())];
    for _ in 0..most {
        let mut longer = Vec::new();
        for (from, chosen) in of_last_length {
            for (at, step) in steps.iter().enumerate().skip(from) {
                if chosen
                    .iter()
                    .all(|other| other.dimension() != step.dimension())
                {
                    let mut choice = chosen.clone();
                    choice.push(step);
                    longer.push((at + 1, choice));
                }
            }
        }
        all.extend(longer.iter().map(|(_, choice)| choice.clone()));
        of_last_length = longer;
    }
    all
}

/// One way in which a signed text can differ from the right one.
pub trait Step {
    /// Steps of one dimension exclude each other.
    fn dimension(&self) -> u8;
}
