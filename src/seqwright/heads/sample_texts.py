"""English sample texts: sentences, and lists of words that occur twice, for induction."""

SAMPLE_TEXTS = (
    "The old bridge over the river was closed for the winter, and the ferry took its place.",
    "She opened the letter, read it twice, and put it back into the drawer without a word.",
    "When the rain stopped, the children who had waited inside ran to the field and played until dark.",
    "Few people knew that the quiet man at the corner table had once conducted the city's orchestra.",
    "The committee will meet on Monday to decide whether the new library should be built near the station.",
    "If you heat the water slowly, the sugar dissolves before it begins to boil.",
    "Two of the ships were lost in the storm, but the third reached the harbour with its crew unharmed.",
    "The teacher gave the students a puzzle that none of them could solve in an hour.",
    "lamp river seven cloud paper horse green stone lamp river seven cloud paper horse green stone",
    "north glass apple seldom wheel copper night salt north glass apple seldom wheel copper night salt",
    "garden thin market blue window twelve feather road garden thin market blue window twelve feather road",
    "bread silver often tower leaf winter drum coast bread silver often tower leaf winter drum coast",
)
