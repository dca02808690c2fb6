/// What runs may take, and how many of them are remembered.
public enum RunLimits {
    /// Runs that are remembered, the newest.
    public static let runsMax = 1_000
    /// Runs that ended longer ago are forgotten.
    public static let ageSecondsMax: Int64 = 30 * 86_400
    /// How often the old ones are removed.
    static let trimMs = 3_600_000
    /// Of one upload.
    public static let uploadBytesMax = 4 << 30
    /// Uploads of one feed that wait.
    public static let uploadsWaitingMax = 100
    /// What a file or document may have when it is unpacked: 64 GiB are hours of reading, and
    /// nobody's day.
    static let unpackedBytesMax = 64 << 30
    /// After a run that the store had no room for, the folder's files wait so long.
    static let storeRetryMs = 60_000
}
