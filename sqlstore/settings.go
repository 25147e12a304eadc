package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/Masterminds/squirrel"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// settingPrefix distinguishes settings from other rows of sync_meta.
const settingPrefix = "setting_"

// Now implements core.Store.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var now dialect.Milliseconds
	err := s.call("reading the database's clock", func() error {
		return s.dialect.Reader().QueryRowContext(ctx, "SELECT "+s.dialect.Schema().Syntax.Now).Scan(&now)
	})
	return time.UnixMilli(int64(now)), err
}

// Setting implements core.Store.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	err = s.call("reading a setting", func() error {
		query, args, err := squirrel.Select("value").From(s.dialect.Schema().Syntax.Table("sync_meta")).
			Where("name = ?", settingPrefix+name).PlaceholderFormat(s.dialect.Placeholders()).ToSql()
		if err != nil {
			return err
		}
		err = s.dialect.Reader().QueryRowContext(ctx, query, args...).Scan(&value)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return value, err
}

// SaveSetting implements core.Store.
func (s *Store) SaveSetting(ctx context.Context, name, value string) error {
	meta := s.dialect.Schema().Syntax.Table("sync_meta")
	return s.call("saving a setting", func() error {
		return dialect.InTransaction(ctx, s.dialect.Writer(), func(tx *sql.Tx) error {
			if err := exec(ctx, s.dialect, tx, squirrel.Update(meta).Set("value", value).Where("name = ?", settingPrefix+name)); err != nil {
				return err
			}
			return s.insertSetting(ctx, tx, name, value)
		})
	})
}

// insertSetting inserts a setting, unless it exists.
func (s *Store) insertSetting(ctx context.Context, tx *sql.Tx, name, value string) error {
	meta := s.dialect.Schema().Syntax.Table("sync_meta")
	return exec(ctx, s.dialect, tx, squirrel.Insert(meta).Columns("name", "value").Select(
		squirrel.Select().Column("CAST(? AS VARCHAR(400))", settingPrefix+name).Column("CAST(? AS VARCHAR(400))", value).
			Where("NOT EXISTS (SELECT 1 FROM "+meta+" WHERE name = ?)", settingPrefix+name)))
}

// InitSetting implements core.Store. Of two concurrent insertions, the primary key rejects the second.
func (s *Store) InitSetting(ctx context.Context, name, value string) (string, error) {
	stored, err := s.Setting(ctx, name)
	if err != nil || stored != "" {
		return stored, err
	}
	insertErr := s.call("saving a setting", func() error {
		return dialect.InTransaction(ctx, s.dialect.Writer(), func(tx *sql.Tx) error { return s.insertSetting(ctx, tx, name, value) })
	})
	if stored, err = s.Setting(ctx, name); err == nil && stored == "" {
		err = insertErr
	}
	return stored, err
}
