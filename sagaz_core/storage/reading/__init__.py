"""What a store is asked, by what it is asked about; each is a part of its reader."""
